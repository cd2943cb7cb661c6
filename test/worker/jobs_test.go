package worker

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ids(jobs []job) []string {
	var out []string
	for _, j := range jobs {
		out = append(out, j.ID)
	}
	slices.Sort(out)
	return out
}

// TestAFileOfJobs submits one, again after it was cut short, and never half of one with a mistake.
func TestAFileOfJobs(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "file")
	tr.must("submit", "--id", "job-3", "--tenant", "b", "--payload", `{"source":{"directory":"/does/not/exist"}}`)
	if got := tr.must("submit", "--from", lines(t, 20), "--rate", "200"); got != "19 jobs submitted, 1 existed already\n" {
		t.Errorf("submit says %q", got)
	}
	tr.says([]string{`"existing": 20`}, "submit", "--from", lines(t, 20), "--json")
	bad := write(t, "bad.jsonl", `{"id":"new","payload":1}`+"\n"+`{"id":"new","payload":1}`+"\n\n"+`{"payload":1,"prio":2}`+"\n"+`{"id":"a/b","payload":1}`+"\n"+`nonsense`)
	_, stderr, code := tr.operate("submit", "--from", bad)
	for _, want := range []string{"nothing was submitted", "line 2: id new stands in line 1 already", `line 4: want {"id"?, "tenant"?, "payload"}`, `"prio"`, "line 5: id", "line 6:"} {
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, want a word on %q: %s", code, want, stderr)
		}
	}
	if got := len(tr.list()); got != 20 {
		t.Errorf("%d jobs, want 20", got)
	}
}

// TestPagesOfJobs walks all pages of lists, filtered ones too; what is finished is found by a scan alone.
func TestPagesOfJobs(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "pages")
	tr.must("submit", "--from", lines(t, 23))
	all := func(args ...string) []string {
		t.Helper()
		var got []string
		next, units := "", 0.0
		for n := 0; n == 0 || next != ""; n++ {
			more := slices.Clone(args)
			if next != "" {
				more = append(more, "--after", next)
			}
			p := tr.page(append(more, "--limit", "5")...)
			if len(p.Jobs) > 5 || next != "" && len(p.Jobs) == 0 && p.Next != "" {
				t.Fatalf("page %d of %v has %d jobs", n, args, len(p.Jobs))
			}
			got, next, units = append(got, ids(p.Jobs)...), p.Next, units+p.ReadUnits
		}
		if units <= 0 {
			t.Errorf("%v cost %g read units", args, units)
		}
		slices.Sort(got)
		return got
	}
	everything := all()
	if len(everything) != 23 || len(slices.Compact(slices.Clone(everything))) != 23 {
		t.Errorf("pages hold %v", everything)
	}
	if diff := cmp.Diff(everything, all("--scan")); diff != "" {
		t.Errorf("a scan finds others (-list +scan):\n%s", diff)
	}
	if got := all("--tenant", "b"); len(got) != 11 || slices.Contains(got, "job-0") {
		t.Errorf("tenant b has %v", got)
	}
	if got := all("--older", "1h"); got != nil {
		t.Errorf("older than an hour: %v", got)
	}
	if got := all("--newer", "1h"); len(got) != 23 {
		t.Errorf("newer than an hour: %v", got)
	}
	tr.must("jobs", "cancel", "job-7", "--yes")
	if got := all(); slices.Contains(got, "job-7") || len(got) != 22 {
		t.Errorf("after a cancel: %v", got)
	}
	if got := all("--scan", "--state", "CANCELLED"); cmp.Diff([]string{"job-7"}, got) != "" {
		t.Errorf("cancelled jobs: %v", got)
	}
	for flag, want := range map[string]string{
		"--state=DONE": "--scan finds them", "--state=ASLEEP": "want READY, RUNNING, DEAD, DONE or CANCELLED", "--limit=0": "want at least 1", "--after=x": "not what a list printed",
	} {
		if _, stderr, code := tr.operate("jobs", "list", flag); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", flag, code, stderr)
		}
	}
}

// TestManyJobsAtOnce: what is meant is shown, and nothing happens without a yes.
func TestManyJobsAtOnce(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "many")
	tr.must("submit", "--from", lines(t, 6))
	tr.refused(tr.environ, []string{"cancel 3 jobs of backup?", "job-4", "Nothing was changed"}, "jobs", "cancel", "--all", "--tenant", "a")
	tr.refused(tr.environ, []string{"cancel 1 job of backup?"}, "jobs", "cancel", "job-1")
	if n := len(tr.list()); n != 6 {
		t.Fatalf("%d jobs are left without a yes", n)
	}
	if got := tr.must("jobs", "cancel", "--all", "--tenant", "a", "--yes"); strings.Count(got, "CANCELLED") != 3 {
		t.Errorf("cancelled: %s", got)
	}
	stdout, stderr, code := tr.operate("jobs", "pause", "job-1", "job-0", "nobody", "--yes", "--json")
	result := parse[struct {
		Changed   []job
		Unchanged []struct{ ID, Error string }
	}](t, stdout)
	if code != 1 || len(result.Changed) != 1 || len(result.Unchanged) != 2 {
		t.Errorf("exit %d, %+v", code, result)
	}
	for _, want := range []string{"job job-0 is CANCELLED: only a job that is READY or RUNNING can be paused", "there is no job nobody"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("want %q: %s", want, stderr)
		}
	}
	for want, args := range map[string][]string{
		"name jobs by their ids":                  {"jobs", "cancel"},
		"filters go with --all":                   {"jobs", "cancel", "job-1", "--tenant", "b"},
		"only jobs that are DEAD can be redriven": {"jobs", "redrive", "--all", "--state", "READY"},
	} {
		if _, stderr, code := tr.operate(args...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
}

// TestTheStoryOfAJob: what is shown, counted and watched while a job waits, runs, fails and is tried again.
func TestTheStoryOfAJob(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "story")
	tr.submit("waits", `{"source":{"directory":"/does/not/exist"}}`)
	tr.says([]string{"the next free process takes it", "never handed back, never failed"}, "jobs", "show", "waits")
	tr.says([]string{"READY          1", "1 waiting"}, "jobs", "stats")
	tr.must("type", "pause")
	tr.says([]string{"nothing until 'worker type resume'"}, "jobs", "show", "waits")
	tr.must("type", "resume")
	tr.must("jobs", "pause", "waits")
	tr.says([]string{"nothing until 'worker jobs resume'"}, "jobs", "show", "waits")
	tr.refused(tr.environ, []string{"job waits is paused"}, "jobs", "retry", "waits")
	tr.must("jobs", "resume", "waits")
	tr.start()
	await(t, "the job is DEAD", func() bool { return tr.show("waits").State == "DEAD" })
	tr.says([]string{"nothing until 'worker jobs redrive'", "/does/not/exist"}, "jobs", "show", "waits")
	if stats := parse[struct{ Jobs map[string]int }](t, tr.must("jobs", "stats", "--json")); stats.Jobs["DEAD"] != 1 || stats.Jobs["READY"] != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// laterOnce takes six seconds, the first time wants to come back in a month, and then is done.
var laterOnce = `i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "{\"done\":$i,\"total\":60,\"unit\":\"steps\"}" >&"$WORKER_REPORT_FD"; sleep 0.1; done
test -e "$1" || { touch "$1"; echo '{"retryAt":"` + waitingDay + `T12:00:00Z"}' >&"$WORKER_REPORT_FD"; exit 75; }`

// TestTail sees a job run, move, go back, run again and end; 'show' says when it is expected to end.
func TestTail(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "tail", laterOnce)
	tr.start()
	tr.submit("watched", "{}")
	said, err := os.Create(filepath.Join(t.TempDir(), "tail"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	tail := exec.Command(binary, "jobs", "tail", "--every", "1s", "--for", "2m", "--tier", "tail", "-e", "test", "-t", "backup")
	tail.Env, tail.Stdout, tail.Stderr = tr.environ, said, said
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	has := func(want string) func() bool {
		return func() bool { text, _ := os.ReadFile(said.Name()); return strings.Contains(string(text), want) }
	}
	await(t, "an end is expected", func() bool { return strings.Contains(tr.must("jobs", "show", "watched"), "expected end") })
	await(t, "the job was seen to wait", has("watched is READY again"))
	tr.says([]string{"next try between " + waitingDay}, "jobs", "show", "watched")
	tr.must("jobs", "retry", "watched")
	await(t, "the job was seen to end", has("watched DONE"))
	if err := tail.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("interrupted: %s", err)
	}
	for _, want := range []string{"watched runs on ", "watched is at ", "% of 60 steps", "looks, ", "read units"} {
		if !has(want)() {
			text, _ := os.ReadFile(said.Name())
			t.Errorf("want a word on %q:\n%s", want, text)
		}
	}
}

// TestAFailedJobShowsItsNextTry: how often it failed, of how many failures, and when it is tried again.
func TestAFailedJobShowsItsNextTry(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "fails", "echo no route to host; exit 1")
	tr.start()
	tr.submit("fails", "{}")
	await(t, "the job waits for its next try", func() bool {
		got := tr.must("jobs", "show", "fails")
		return strings.Contains(got, "of 10 times") && strings.Contains(got, "next try between ")
	})
	if j := tr.show("fails"); j.State == "DEAD" || j.Failures < 1 {
		t.Errorf("after its first failures: %+v", j)
	}
}
