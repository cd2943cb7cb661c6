package worker

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestJobThroughTheCommandLine(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "through")
	payload := `{"source":{"directory":"` + sourceTree(t) + `"}}`
	tr.submit("first", payload)
	if j := tr.show("first"); j.State != "READY" {
		t.Fatalf("submitted job is %s", j.State)
	}
	if listed := tr.list(); len(listed) != 1 || listed[0].ID != "first" {
		t.Errorf("listed %+v", listed)
	}
	i := tr.start()
	stdout, stderr, code := tr.operate("jobs", "show", "first", "--follow", "--json")
	if code != 0 || !strings.Contains(stderr, "first DONE 100%") || !strings.Contains(stdout, `"state": "DONE"`) {
		t.Fatalf("follow: exit %d\n%s%s", code, stdout, stderr)
	}
	tr.says([]string{`"state": "DONE"`}, "submit", "--id", "first", "--payload", payload, "--json")
	i.signal(t)
	i.ends(t, 0)
	if !i.logged("drained") {
		t.Error("it does not log that it drained")
	}
	if len(tr.list()) > 0 {
		t.Error("a finished job is listed as unfinished")
	}
}

// sourceTree is a folder worth backing up: this repository's own worker.
func sourceTree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../worker")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSteeringJobs(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "steering")
	payload := `{"source":{"directory":"` + sourceTree(t) + `"}}`
	tr.submit("cancelled", payload)
	tr.must("jobs", "cancel", "cancelled", "--yes")
	tr.submit("paused", payload)
	tr.must("jobs", "pause", "paused")
	tr.submit("bad", `{"source":{"directory":"/does/not/exist"}}`)
	tr.start()
	await(t, "the bad job is DEAD", func() bool { return tr.show("bad").State == "DEAD" })
	if j := tr.show("bad"); !strings.Contains(j.LastError, "/does/not/exist") || j.Failures != 0 {
		t.Errorf("failures %d, last error %q", j.Failures, j.LastError)
	}
	if j := tr.show("paused"); j.State != "READY" || !j.Paused || j.Epoch != 0 {
		t.Errorf("paused job: %+v", j)
	}
	if j := tr.show("cancelled"); j.State != "CANCELLED" {
		t.Errorf("cancelled job: %+v", j)
	}
	tr.must("jobs", "resume", "paused")
	await(t, "the resumed job is done", func() bool { return tr.show("paused").State == "DONE" })
	tr.must("jobs", "redrive", "bad")
	await(t, "the redriven job is DEAD again", func() bool { j := tr.show("bad"); return j.State == "DEAD" && j.Epoch > 3 })
	tr.refused(tr.environ, []string{"job bad is DEAD: only a job that is READY or RUNNING can be paused"}, "jobs", "pause", "bad")
}

// TestPayloadBeyondAMessage submits more than a message or an item can hold.
func TestPayloadBeyondAMessage(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "beyond")
	file := write(t, "payload.json", `{"source":{"directory":"`+sourceTree(t)+`"}`+strings.Repeat(" ", 2<<20)+`}`)
	tr.must("submit", "--id", "large", "--payload-file", file)
	if j := tr.show("large"); !strings.HasPrefix(j.PayloadRef, "jobs/backup/large/payload.") {
		t.Fatalf("the item holds the payload itself: %+v", j)
	}
	tr.start()
	await(t, "the job is done", func() bool { return tr.show("large").State == "DONE" })
	if j := tr.show("large"); j.Failures != 0 || j.Epoch != 2 {
		t.Errorf("failures %d, epoch %d", j.Failures, j.Epoch)
	}
}

// TestPausedTypeTakesNoJobs: its workers take nothing from their very start on, until it is resumed.
func TestPausedTypeTakesNoJobs(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "paused-type")
	if got := tr.must("type", "pause"); got != "backup paused; it has no Auto Scaling group here\n" {
		t.Errorf("pause says %q", got)
	}
	tr.submit("waits", `{"source":{"directory":"`+sourceTree(t)+`"}}`)
	i := tr.start()
	await(t, "the worker has seen the pause", func() bool { return i.logged("content type is paused: no jobs are taken") })
	time.Sleep(3 * tr.settings.Sweep)
	if j := tr.show("waits"); j.State != "READY" || j.Epoch != 0 {
		t.Errorf("job of a paused type: %+v", j)
	}
	tr.says([]string{`"paused": false`}, "type", "resume", "--json")
	await(t, "the job is done", func() bool { return tr.show("waits").State == "DONE" })
}

func TestBadMessagesGoAsideWithTheirReasonAndTheWorkerGoesOn(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "bad-messages")
	for _, body := range []string{"this is not JSON", `{"id":"no-payload"}`, `{"id":"good","payload":{"source":{"directory":"` + sourceTree(t) + `"}}}`} {
		tr.message(body)
	}
	tr.start()
	reasons := tr.deadLetters(2)
	want := map[string]string{
		"this is not JSON":    "not JSON: invalid character 'h' in literal true (expecting 'r')",
		`{"id":"no-payload"}`: "payload: is missing",
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	await(t, "the good job behind them is done", func() bool { return tr.show("good").State == "DONE" })
}

// TestMistakesAreOneSentence: what a person can get wrong is said with what to do, and exits not 0.
func TestMistakesAreOneSentence(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "mistakes")
	list := []string{"jobs", "list", "--tier", "mistakes", "--environment", "test", "--type", "backup"}
	without := func(prefixes ...string) []string {
		return slices.DeleteFunc(slices.Clone(tr.environ), func(v string) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(v, p) })
		})
	}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		code    int
		want    string
	}{
		"no Region":           {without("AWS_REGION", "AWS_DEFAULT_REGION"), list, 1, "no AWS Region: set AWS_REGION"},
		"no credentials":      {without("AWS_ACCESS_KEY_ID", "AWS_SECRET"), list, 1, "no AWS credentials: set AWS_PROFILE"},
		"no endpoint":         {append(without("AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL=http://127.0.0.1:1", oneTry), list, 1, "http://127.0.0.1:1 (AWS_ENDPOINT_URL) cannot be reached"},
		"unknown environment": {tr.environ, []string{"jobs", "list", "--tier", "mistakes", "-e", "nowhere", "-t", "backup"}, 1, "tier mistakes has no environment nowhere"},
		"unknown type":        {tr.environ, []string{"jobs", "list", "--tier", "mistakes", "-e", "test", "-t", "fax"}, 1, "environment test has no content type fax"},
		"unknown job":         {tr.environ, append([]string{"jobs", "show", "nobody"}, list[2:]...), 1, "there is no job nobody of content type backup"},
		"bad id":              {tr.environ, append([]string{"submit", "--id", "a/b", "--payload", "{}"}, list[2:]...), 1, `id "a/b"`},
		"bad payload":         {tr.environ, append([]string{"submit", "--payload", "{"}, list[2:]...), 1, "payload: is not JSON"},
		"unknown flag":        {tr.environ, []string{"jobs", "list", "--colour"}, 2, "unknown flag --colour"},
		"no settings":         {tr.environ, []string{"run"}, 1, "WORKER_QUEUE_URL: is not set"},
		"unknown processor":   {tr.told(tr.settings, contract.EnvProcessor+"=fax"), []string{"run"}, 1, `this worker has no processor "fax" (it has `},
		"no table":            {tr.told(tr.settings, contract.EnvTable+"=gone"), []string{"run"}, 1, "the job table does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := tr.worker(c.environ, c.args...)
			if code != c.code || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit %d, want %d with %q; stdout %q, stderr:\n%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
}
