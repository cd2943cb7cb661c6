package worker

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// commandsOf are the blocks of commands on a page of the runbook that are to be run as they stand.
var commandsOf = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// symptom is what a page of the runbook is about.
type symptom struct {
	make  func(t *testing.T, name string) (tr *tier, id string) // produces it; id is of the job in question
	after func(t *testing.T, tr *tier, id string)               // looks at what the page's commands did
}

// symptoms are those of the pages with commands.
var symptoms = map[string]symptom{
	"late":         {waitingJob, state("READY", func(j job) bool { return !strings.HasPrefix(j.NotBefore, waitingDay) })},
	"at-max":       {waitingTenants, state("READY", func(j job) bool { return !j.Paused })},
	"stuck-job":    {runningJob, state("CANCELLED", nil)},
	"dead-job":     {deadJob, state("READY", func(j job) bool { return j.Failures == 0 })},
	"dead-letters": {waitingTenants, hasJob("corrected-1")},
	"zombies":      {reapedJob, state("RUNNING", func(j job) bool { return j.Crashes > 0 })},
	"silent":       {waitingTenants, state("READY", nil)},
	"outage":       {waitingTenants, hasJob("corrected-1")},
	"paused":       {waitingTenants, notPaused},
	"erase":        {waitingTenants, state("CANCELLED", nil)},
	"bad-release":  {deadJob, state("READY", func(j job) bool { return j.Failures == 0 })},
}

// TestRunbookCommands runs the commands of each page in the state that the page is about.
func TestRunbookCommands(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/runbook/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks := commandsOf.FindAllSubmatch(text, -1)
		s, known := symptoms[name]
		switch {
		case name == "README": // its block only sets variables
			continue
		case known != (len(blocks) > 0):
			t.Errorf("page %s has %d blocks of commands; known as a symptom: %t", name, len(blocks), known)
			continue
		case !known:
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, id := s.make(t, "runbook-"+name)
			tr.alarmed(600)
			dir := filepath.Dir(write(t, "corrected.jsonl", `{"id":"corrected-1","payload":{}}`))
			for _, block := range blocks {
				tr.shell(dir, id, string(block[1]))
			}
			s.after(t, tr, id)
		})
	}
}

// checkOf is a line that checks: it may find something wrong, and must find out, however long a loaded machine takes.
var checkOf = regexp.MustCompile(`(?m)^worker check .*$`)

// shell runs commands as somebody would who works by the runbook.
func (tr *tier) shell(dir, id, commands string) {
	tr.t.Helper()
	cmd := exec.CommandContext(tr.t.Context(), "bash", "-euo", "pipefail", "-c", checkOf.ReplaceAllString(commands, "$0 --timeout 300 || [ $$? -lt 3 ]"))
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(tr.environ), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "ID="+id,
		"WORKER_TIER="+tr.settings.Tier, "WORKER_ENVIRONMENT=test", "WORKER_CONTENT_TYPE=backup")
	if said, err := cmd.CombinedOutput(); err != nil {
		tr.t.Errorf("%s\n%s%v", commands, said, err)
	}
}

// waitingJob has failed and waits for a month; no worker runs.
func waitingJob(t *testing.T, name string) (*tier, string) {
	tr, _ := newExecTier(t, name, `echo '{"retryAt":"`+waitingDay+`T12:00:00Z"}' >&"$WORKER_REPORT_FD"; exit 75`)
	i := tr.start()
	tr.submit("waits", "{}")
	await(t, "the job waits", func() bool { return strings.HasPrefix(tr.show("waits").NotBefore, waitingDay) })
	i.kill()
	return tr, "waits"
}

// waitingTenants are jobs of two tenants that nobody works on.
func waitingTenants(t *testing.T, name string) (*tier, string) {
	tr := newTier(t, name)
	file := write(t, "jobs.jsonl", `{"id":"one","tenant":"acme","payload":1}`+"\n"+`{"id":"two","tenant":"other","payload":1}`)
	tr.must("submit", "--from", file)
	return tr, "one"
}

// runningJob saves a cursor each tenth of a second, without end.
func runningJob(t *testing.T, name string) (*tier, string) {
	tr, _ := runOn(t, name, time.Minute)
	return tr, "runs"
}

func runOn(t *testing.T, name string, lease time.Duration) (*tier, *instance) {
	t.Helper()
	tr, _ := newExecTier(t, name, steady)
	tr.settings.Lease = lease
	i := tr.start()
	tr.submit("runs", "{}")
	await(t, "the job runs", func() bool { return tr.show("runs").State == "RUNNING" })
	return tr, i
}

// deadJob has failed for good, and no worker runs any more.
func deadJob(t *testing.T, name string) (*tier, string) {
	tr, _ := newExecTier(t, name, `echo no such customer >&2; exit 65`)
	i := tr.start()
	tr.submit("bad", "{}")
	await(t, "the job is DEAD", func() bool { return tr.show("bad").State == "DEAD" })
	i.kill()
	return tr, "bad"
}

// reapedJob was taken from a worker that was killed, and runs on another.
func reapedJob(t *testing.T, name string) (*tier, string) {
	tr, i := runOn(t, name, shortLease)
	i.kill()
	tr.start()
	await(t, "the job was reaped", func() bool { return tr.show("runs").Crashes > 0 })
	return tr, "runs"
}

// state wants the job in a state.
func state(want string, also func(job) bool) func(*testing.T, *tier, string) {
	return func(t *testing.T, tr *tier, id string) {
		await(t, "the job is "+want+" as the page says", func() bool {
			j := tr.show(id)
			return j.State == want && (also == nil || also(j))
		})
	}
}

func hasJob(id string) func(*testing.T, *tier, string) {
	return func(t *testing.T, tr *tier, _ string) {
		if j := tr.show(id); j.ID != id {
			t.Errorf("job %s: %+v", id, j)
		}
	}
}

func notPaused(t *testing.T, tr *tier, _ string) {
	tr.says([]string{`"paused": false`}, "jobs", "stats", "--json")
}
