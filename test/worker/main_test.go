// Package worker tests the worker as a whole, from outside: its binary, as users build it, on a local AWS.
package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// binary is the worker under test, as users build it.
var binary string

// atOnce is how many of the tests run at once: they wait more than they compute.
const atOnce = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // a flag of the command line comes after this and wins
		panic(err)
	}
	heedSignals()
	os.Exit(localaws.SharedWith(m, "../../worker", &binary))
}

// heedSignals gives the workers of the tests the signals that their starter ignores (nohup, a shell's background job): a
// process inherits what is ignored, not what is caught.
func heedSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// shortLease is for tests in which a lease runs out. All others have one that no load of the machine uses up.
const shortLease = 4 * time.Second

// tier is a job table, an artifacts bucket and the content type "backup", made by hand as the stacks make them.
type tier struct {
	t        testing.TB
	settings contract.Settings
	environ  []string
	server   *localaws.Server
	aws      aws.Config
	sqs      *sqs.Client
}

func newTier(t testing.TB, name string) *tier {
	t.Helper()
	return newTierOn(t, localaws.StartT(t), name)
}

func newTierOn(t testing.TB, server *localaws.Server, name string) *tier {
	t.Helper()
	cfg, err := server.AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tr := &tier{t: t, settings: server.MakeTier(t, name, "backup", nil), environ: server.Environ(), server: server, aws: cfg, sqs: sqs.NewFromConfig(cfg)}
	tr.settings.Processor, tr.settings.Processes = "backup", 2
	tr.settings.Timing = contract.Timing{Lease: time.Minute, Heartbeat: time.Second, Sweep: time.Second, Checkpoint: 100 * time.Millisecond, DrainBudget: 5 * time.Second, Stall: time.Minute}
	return tr
}

// write writes a file into a folder of its own.
func write(t testing.TB, name, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// patience bounds the wait for an event, on a machine that has much else to do. Only a test that fails takes so long.
const patience = 5 * time.Minute

// await looks again and again. A look mostly is a process: the longer the wait already is, the longer is the pause between two.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(max(50*time.Millisecond, time.Since(begin)/20)) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited %s in vain: %s", patience, what)
}

// worker runs an operator's command and returns what it printed and its exit status.
func (tr *tier) worker(environ []string, args ...string) (stdout, stderr string, code int) {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		tr.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// operate runs an operator's command on the tier.
func (tr *tier) operate(args ...string) (stdout, stderr string, code int) {
	tr.t.Helper()
	return tr.worker(tr.environ, append(args, "--tier", tr.settings.Tier, "-e", "test", "-t", "backup")...)
}

// must runs an operator's command on the tier that is to succeed.
func (tr *tier) must(args ...string) string {
	tr.t.Helper()
	stdout, stderr, code := tr.operate(args...)
	if code != 0 {
		tr.t.Fatalf("worker %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// job is what `worker jobs show --json` prints, as far as the tests look at it.
type job struct {
	ID                        string
	State                     string
	Owner                     string
	Epoch, Done, Total        int64
	Drains, Crashes, Failures int64
	Returns                   int64
	CreatedAt, UpdatedAt      time.Time
	Paused                    bool
	LastError                 string
	PayloadRef, CursorRef     string
	NotBefore                 string
	Cursor                    json.RawMessage
}

func (tr *tier) show(id string) job {
	tr.t.Helper()
	return parse[job](tr.t, tr.must("jobs", "show", id, "--json"))
}

// page is what `worker jobs list --json` prints.
type page struct {
	Jobs      []job
	Next      string
	ReadUnits float64
}

func (tr *tier) page(args ...string) page {
	tr.t.Helper()
	return parse[page](tr.t, tr.must(append([]string{"jobs", "list", "--json"}, args...)...))
}

// list is the first page of unfinished and DEAD jobs.
func (tr *tier) list(args ...string) []job {
	tr.t.Helper()
	return tr.page(args...).Jobs
}

func parse[T any](t testing.TB, text string) (parsed T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return parsed
}

func (tr *tier) submit(id, payload string) {
	tr.t.Helper()
	if got := tr.must("submit", "--id", id, "--payload", payload); strings.TrimSpace(got) != id {
		tr.t.Fatalf("submit printed %q, want the id", got)
	}
}

// instance is a running worker.
type instance struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	log []string
	end chan struct{}
}

// start starts a worker and waits until it works.
func (tr *tier) start() *instance {
	tr.t.Helper()
	i := tr.launch()
	await(tr.t, "the worker has started", func() bool { return i.logged("worker started") })
	return i
}

// launch starts a worker; environ is added to what it is told, and wins.
func (tr *tier) launch(environ ...string) *instance {
	tr.t.Helper()
	return tr.run(tr.command(environ...))
}

// run starts a worker and has its log kept, unless the command writes it elsewhere. The worker ends with the test.
func (tr *tier) run(cmd *exec.Cmd) *instance {
	tr.t.Helper()
	i := &instance{cmd: cmd, end: make(chan struct{})}
	var log io.Reader = strings.NewReader("")
	if cmd.Stderr == nil {
		var err error
		if log, err = cmd.StderrPipe(); err != nil {
			tr.t.Fatal(err)
		}
	}
	if err := cmd.Start(); err != nil {
		tr.t.Fatal(err)
	}
	go i.read(log)
	tr.t.Cleanup(func() {
		i.kill()
		if tr.t.Failed() {
			tr.t.Logf("log of worker %d:\n%s", i.cmd.Process.Pid, strings.Join(i.log, "\n"))
		}
	})
	return i
}

// command runs a worker; environ is added to what it is told, and wins.
func (tr *tier) command(environ ...string) *exec.Cmd {
	cmd := exec.Command(binary, "run")
	cmd.Env = append(tr.told(tr.settings, "PATH="+os.Getenv("PATH")), environ...)
	return cmd
}

// told is the environment of an instance with these settings; more is added to it, and wins.
func (tr *tier) told(settings contract.Settings, more ...string) []string {
	environ := slices.Clone(tr.environ)
	for name, value := range settings.Environ() {
		environ = append(environ, name+"="+value)
	}
	return append(environ, more...)
}

func (i *instance) read(stderr io.Reader) {
	defer close(i.end)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		i.mu.Lock()
		i.log = append(i.log, lines.Text())
		i.mu.Unlock()
	}
	_ = i.cmd.Wait() // killed or not: the tests ask for the exit status where it matters
}

// kill kills the worker, if it has not ended, and waits for its end.
func (i *instance) kill() { _ = i.cmd.Process.Kill(); <-i.end }

func (i *instance) logged(message string) bool { return i.wrote(`"msg":"` + message + `"`) }

// wrote reports whether a line of the log has all parts.
func (i *instance) wrote(parts ...string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.log, func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}
