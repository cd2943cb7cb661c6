//go:build releases

package releases

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// fleet is a table, a queue and a bucket, with the workers of both releases on them.
type fleet struct {
	t        *testing.T
	settings contract.Settings
	environ  []string
	dir      string // where jobs write down their steps
	ids      []string
}

const contentType = "steps"

func newFleet(t *testing.T, name string) *fleet {
	t.Helper()
	server := localaws.StartT(t)
	f := &fleet{t: t, settings: server.MakeTier(t, name, contentType, map[string]string{"VisibilityTimeout": "4"}), environ: server.Environ(), dir: t.TempDir()}
	f.settings.Processor, f.settings.Processes = "steps", 3
	f.settings.Timing = contract.Timing{Lease: 4 * time.Second, Heartbeat: time.Second, Sweep: time.Second, Checkpoint: 200 * time.Millisecond, DrainBudget: 5 * time.Second, Stall: time.Minute}
	return f
}

// submit submits a job through a release's command line.
func (f *fleet) submit(binary, id string, steps, cursor, pad int) {
	f.t.Helper()
	payload, err := json.Marshal(map[string]any{"dir": f.dir, "steps": steps, "cursor": cursor, "pad": strings.Repeat("x", pad)})
	if err != nil {
		f.t.Fatal(err)
	}
	file := filepath.Join(f.t.TempDir(), "payload.json")
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.command(binary, "submit", "--id", id, "--payload-file", file)
	f.ids = append(f.ids, id)
}

// command runs an operator's command of a release and returns what it printed.
func (f *fleet) command(binary string, args ...string) []byte {
	f.t.Helper()
	cmd := exec.Command(binary, append(args, "--tier", f.settings.Tier, "--environment", "test", "--type", contentType)...)
	cmd.Env = f.environ
	out, err := cmd.Output()
	if err != nil {
		f.t.Fatalf("worker %v: %v", args, err)
	}
	return out
}

// start starts a worker and returns a function that signals it and waits for its end.
func (f *fleet) start(binary string) func(syscall.Signal) {
	f.t.Helper()
	cmd := exec.Command(binary, "run")
	cmd.Env = f.environ
	for name, value := range f.settings.Environ() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	log, err := os.Create(filepath.Join(f.t.ArtifactDir(), fmt.Sprintf("%s-%d.log", filepath.Base(binary), time.Now().UnixNano())))
	if err != nil {
		f.t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := false
	stop := func(signal syscall.Signal) {
		if ended {
			return
		}
		ended = true
		_ = cmd.Process.Signal(signal)
		_ = cmd.Wait() // killed or drained
		_ = log.Close()
	}
	f.t.Cleanup(func() { stop(syscall.SIGKILL) })
	return stop
}

// job is what "worker jobs show --json" prints, as far as the tests look at it.
type job struct {
	State, LastError  string
	Failures, Crashes int64
}

func (f *fleet) job(id string) job {
	f.t.Helper()
	var j job
	if err := json.Unmarshal(f.command(current, "jobs", "show", id, "--json"), &j); err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fleet) await(what string, holds func() bool) {
	f.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}
	for _, id := range f.ids {
		f.t.Logf("%+v", f.job(id))
	}
	f.t.Fatalf("waited %s in vain: %s", patience, what)
}

// patience bounds what the tests wait for. Only a test that fails takes so long.
const patience = 15 * time.Minute

func (f *fleet) finished() bool {
	var page struct{ Jobs []job }
	if err := json.Unmarshal(f.command(current, "jobs", "list", "--json"), &page); err != nil {
		f.t.Fatal(err)
	}
	return len(page.Jobs) == 0
}

// done is a step that a job has written down.
type done struct {
	step    int
	epoch   int64
	release string // that did it
}

// history is what a job wrote down, in order.
func (f *fleet) history(id string) []done {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, id))
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	var all []done
	for line := range strings.Lines(string(text)) {
		var d done
		if _, err := fmt.Sscan(line, &d.step, &d.epoch, &d.release); err != nil {
			f.t.Fatalf("%q: %v", line, err)
		}
		all = append(all, d)
	}
	return all
}
