package worker

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

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
	i.works(tr.t)
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

// works waits until the worker works. One that has ended fails the test at once.
func (i *instance) works(t testing.TB) {
	t.Helper()
	await(t, "the worker has started", func() bool {
		select {
		case <-i.end:
			t.Fatalf("the worker ended before it worked: %s", i.cmd.ProcessState)
		default:
		}
		return i.logged("worker started")
	})
}

func (i *instance) logged(message string) bool { return i.wrote(`"msg":"` + message + `"`) }

// wrote reports whether a line of the log has all parts.
func (i *instance) wrote(parts ...string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.log, func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

func (i *instance) signal(t testing.TB) {
	t.Helper()
	i.send(t, syscall.SIGTERM)
}

func (i *instance) send(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := i.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the end of the worker and returns how long it took.
func (i *instance) ends(t testing.TB, code int) time.Duration {
	t.Helper()
	begin := time.Now()
	select {
	case <-i.end:
	case <-time.After(patience):
		t.Fatalf("the worker does not end within %s", patience)
	}
	if got := i.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit status %d, want %d", got, code)
	}
	return time.Since(begin)
}

// gone checks that none of the processes in the file lives.
func gone(t testing.TB, pids string) {
	t.Helper()
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "process "+field+" is gone", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	}
}

// count counts the lines of the log with a message.
func (i *instance) count(message string) (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, line := range i.log {
		if strings.Contains(line, `"msg":"`+message+`"`) {
			n++
		}
	}
	return n
}
