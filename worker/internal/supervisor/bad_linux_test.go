package supervisor_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// failed says whether a job has come to the end of its first attempt.
func failed(j job.Job) bool { return j.Failures > 0 || j.State == job.Dead }

// TestBadProcessorCostsOnlyItsOwnJob: each kind of bad job gets exactly one failure that says what was
// wrong, its neighbour goes on, and another slot takes the next job.
func TestBadProcessorCostsOnlyItsOwnJob(t *testing.T) {
	for how, want := range map[string]string{
		"exit":         "exit status 7: I have had enough",
		"eat":          "its limit is 200 MiB",
		"large cursor": fmt.Sprintf("a cursor of %d bytes, more than %d", protocol.MaxCursor+2, protocol.MaxCursor),
		"garbage":      `not a report: "this is % no report"`,
		"binary":       `not a report: "\x00\x01\xfe\xff"`,
		"partial line": `not a report: "{\"progress\":{\"do{\"progress\"`,
		"endless line": "a report is longer than 1048576 bytes",
		"false end":    "", // ends its own job
		"second ready": "ready a second time",
	} {
		t.Run(how, func(t *testing.T) {
			tr := newTier(t)
			tr.start("i-1")
			tr.submit("neighbour", payload{To: 10_000})
			tr.await("neighbour", "under way", func(j job.Job) bool { return j.Done > 0 })
			tr.submit("bad", payload{To: 10, Bad: how})
			if want == "" {
				tr.await("bad", "done", done)
				tr.submit("second", payload{To: 3}) // the slot is still at work on the first
				if j := tr.await("second", "handed back", func(j job.Job) bool { return j.Returns > 0 }); j.State != job.Ready || j.Failures != 0 || j.Crashes != 0 {
					t.Errorf("the second job of the slot: state %s, failures %d, crashes %d", j.State, j.Failures, j.Crashes)
				}
			} else if j := tr.await("bad", "failed", failed); j.Failures != 1 || j.Crashes != 0 || j.Epoch != 2 || !strings.Contains(j.LastError, want) {
				t.Errorf("failures %d, crashes %d, epoch %d, lastError %q, want %q in it", j.Failures, j.Crashes, j.Epoch, j.LastError, want)
			}
			tr.submit("next", payload{To: 3})
			if j := tr.await("next", "done", done); j.Failures != 0 {
				t.Errorf("the next job paid for the bad one: failures %d, lastError %q", j.Failures, j.LastError)
			}
			undisturbed(tr)
		})
	}
}

// undisturbed: the neighbour still runs its first attempt.
func undisturbed(tr *tier) {
	tr.t.Helper()
	j := tr.await("neighbour", "there", func(job.Job) bool { return true })
	if j.State != job.Running || j.Epoch != 1 || j.Failures != 0 || j.LastError != "" {
		tr.t.Errorf("the neighbour was disturbed: state %s, epoch %d, failures %d, error %q", j.State, j.Epoch, j.Failures, j.LastError)
	}
}

// TestFloodsAreBorne: neither reports nor output by the hundred thousand hold up the neighbour's heartbeats or
// stay in the supervisor's memory, and the noisy job itself gets to its end.
func TestFloodsAreBorne(t *testing.T) {
	for _, how := range []string{"flood", "shout"} {
		t.Run(how, func(t *testing.T) {
			tr := newTier(t)
			tr.start("i-1")
			tr.submit("neighbour", payload{To: 10_000})
			tr.await("neighbour", "under way", func(j job.Job) bool { return j.Done > 0 })
			before := heap()
			tr.submit("noisy", payload{To: 10, Bad: how})
			var latest, gap time.Duration
			begin, last := time.Now(), int64(0)
			tr.await("noisy", "done", func(j job.Job) bool {
				neighbour := tr.await("neighbour", "there", func(job.Job) bool { return true })
				if now := time.Since(begin); neighbour.Heartbeats != last {
					gap, latest, last = max(gap, now-latest), now, neighbour.Heartbeats
				}
				return done(j)
			})
			if gap > timing.Lease/2 {
				t.Errorf("the neighbour sent no heartbeat for %s", gap)
			}
			if grown := heap() - before; grown > 16<<20 {
				t.Errorf("the supervisor grew by %d bytes", grown)
			}
			undisturbed(tr)
		})
	}
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestDrainKillsWhatIgnoresItWithAllItsOffspring: at the end of the budget. Nothing else ends the job: its lease is renewed.
func TestDrainKillsWhatIgnoresItWithAllItsOffspring(t *testing.T) {
	fifo := childtest.Fifo(t)
	tr := newTier(t)
	stop := tr.start("i-1")
	tr.submit("stuck", payload{To: 10, Bad: "daemon", Fifo: fifo.Name()})
	tr.await("stuck", "stuck", func(j job.Job) bool { return j.State == job.Running })
	awaitChildren(t, fifo.Name())
	begin := time.Now()
	stop()
	if took := time.Since(begin); took < timing.DrainBudget {
		t.Errorf("the drain took %s, its budget is %s", took, timing.DrainBudget)
	}
	if j := tr.await("stuck", "handed back", func(j job.Job) bool { return j.State == job.Ready }); j.Drains != 1 || j.Failures != 0 || j.Crashes != 0 {
		t.Errorf("drains %d, failures %d, crashes %d", j.Drains, j.Failures, j.Crashes)
	}
	childtest.NobodyLeft(t, fifo, patience)
}

// awaitChildren waits until four processes hold the FIFO beside the slot: two programs and their children. What the slot
// holds, only root can see.
func awaitChildren(t *testing.T, path string) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		holders := map[string]bool{}
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == path {
				holders[strings.Split(link, "/")[2]] = true
			}
		}
		maps.DeleteFunc(holders, func(pid string, _ bool) bool { // this process, and the slot, which runs the same binary
			name, _ := os.ReadFile("/proc/" + pid + "/comm") // it may have ended
			return bytes.Equal(name, own)
		})
		if len(holders) >= 4 {
			return
		}
	}
	t.Fatal("the job did not start its programs")
}

// program is a bad program behind the processor exec, in shell.
type program struct{ script, want string }

// TestBadProgramCostsOnlyItsOwnJob is the same for programs behind the processor exec.
func TestBadProgramCostsOnlyItsOwnJob(t *testing.T) {
	for name, p := range map[string]program{
		"exits":                  {`echo no such mailbox >&2; exit 1`, "exit status 1: no such mailbox"},
		"dies":                   {`kill -SEGV $$`, "signal: segmentation fault"},
		"eats":                   {`exec tail /dev/zero`, "its limit is 200 MiB"},
		"has a child that eats":  {`tail /dev/zero | cat >/dev/null; sleep 60`, "its limit is 200 MiB"},
		"has a daemon that eats": {`setsid tail /dev/zero; sleep 60`, "its limit is 200 MiB"},
		"garbage":                {`echo '{"cursor":1' >&$WORKER_REPORT_FD; sleep 60`, `wrote a report that is none: "{\"cursor\":1"`},
		"endless line":           {`head -c 3000000 /dev/zero >&$WORKER_REPORT_FD; sleep 60`, "wrote a report of more than 1048576 bytes"},
		"large cursor":           {`{ printf '{"cursor":"'; head -c 200000 /dev/zero | tr '\0' x; echo '"}'; } >&$WORKER_REPORT_FD; exit 1`, fmt.Sprintf("reports refused: 1, the last one: a cursor of 200002 bytes, more than %d", protocol.MaxCursor)},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTier(t)
			tr.startExec("i-1", `case $(cat $WORKER_JOB_FILE) in *neighbour*) sleep 60;; *next*) exit 0;; esac; `+p.script)
			tr.submit("neighbour", payload{})
			tr.await("neighbour", "under way", func(j job.Job) bool { return j.State == job.Running })
			tr.submit("bad", payload{})
			if j := tr.await("bad", "failed", failed); j.Failures != 1 || j.Crashes != 0 || j.Epoch != 2 || !strings.Contains(j.LastError, p.want) {
				t.Errorf("failures %d, crashes %d, epoch %d, lastError %q, want %q in it", j.Failures, j.Crashes, j.Epoch, j.LastError, p.want)
			}
			tr.submit("next", payload{})
			tr.await("next", "done", done)
			undisturbed(tr)
		})
	}
}

// startExec runs a supervisor with two slots that run a shell script for each job.
func (tr *tier) startExec(name, script string) {
	tr.t.Helper()
	tr.startWith(name, 2, execSlots(os.Args[0], 2, "sh", "-c", script))
}

// execSlots are slots of an executable, which is this test, that run a command for each job.
func execSlots(executable string, processes int, command ...string) slot.Options {
	settings := contract.Settings{
		Tier: "t", Environment: "test", ContentType: "numbers", Processor: "exec", Processes: processes, Command: command,
		QueueURL: "http://localhost/q", DeadLetterQueueURL: "http://localhost/d", Table: "jobs", ArtifactsBucket: "b",
		Timing: contract.Timing{Lease: timing.Lease, Heartbeat: timing.Heartbeat, Sweep: time.Second, Checkpoint: timing.Checkpoint, DrainBudget: timing.DrainBudget, Stall: time.Hour},
		Retry:  contract.DefaultRetry(),
	}
	environ := append(os.Environ(), slotVariable+"=1")
	for variable, value := range settings.Environ() {
		environ = append(environ, variable+"="+value)
	}
	return slot.Options{Executable: executable, Args: []string{"slot", "--processor", "exec"}, Env: environ}
}

// BenchmarkTinyJobs does jobs of one step in one slot, with the table and the queue in memory.
func BenchmarkTinyJobs(b *testing.B) {
	tr := newTier(b)
	for i := range b.N {
		tr.submit(fmt.Sprint("job-", i), payload{To: 1, Fast: true})
	}
	b.ResetTimer()
	tr.startWith("i-1", 1, slot.Options{Executable: os.Args[0], Env: append(os.Environ(), slotVariable+"=1")})
	for i := range b.N {
		tr.await(fmt.Sprint("job-", i), "done", done)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
