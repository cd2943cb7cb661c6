package localec2

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// process is a machine of processes: the worker that the first-boot document asks for runs in the
// instance's folder, in a session of its own, with the document's environment and nothing of the user's.
type process struct {
	boot  Boot
	began time.Time
	pid   int
	cmd   *exec.Cmd
	log   *os.File
	done  chan struct{}
}

// metadataVariable also marks all processes of an instance: each has a service of its own.
const metadataVariable = "AWS_EC2_METADATA_SERVICE_ENDPOINT"

// StartProcess starts bin/worker of boot.Dir on this machine.
func StartProcess(boot Boot) (Machine, error) {
	if err := boot.Install(); err != nil {
		return nil, err
	}
	p := &process{boot: boot, done: make(chan struct{})}
	environ, err := p.environ()
	if err != nil {
		return nil, err
	}
	if p.log = boot.Log; p.log == nil {
		if p.log, err = os.Create(filepath.Join(boot.Dir, LogFile)); err != nil {
			return nil, err
		}
	}
	p.cmd = exec.Command(filepath.Join(boot.Dir, "bin", "worker"), "run")
	p.cmd.Dir = boot.Dir
	if boot.Document.WorkerTier.Files != nil {
		p.cmd.Dir = filepath.Join(boot.Dir, "files")
	}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environ, p.log, p.log
	p.cmd.SysProcAttr = sessionLeader()
	started := make(chan error)
	go p.live(started)
	if err := <-started; err != nil {
		if errors.Is(err, syscall.ENOEXEC) {
			return nil, fmt.Errorf("%s is not built for this machine (%s/%s): its content type's instance types are of another architecture", p.cmd.Path, runtime.GOOS, runtime.GOARCH)
		}
		return nil, err
	}
	return p, nil
}

func (p *process) environ() ([]string, error) {
	tmp := filepath.Join(p.boot.Dir, TemporaryFolder) // a machine's /tmp is its own
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, err
	}
	env := maps.Clone(p.boot.Document.WorkerTier.Environment)
	env["PATH"] = os.Getenv("PATH")
	env["TMPDIR"] = tmp
	env["AWS_ENDPOINT_URL"] = p.boot.Endpoint
	env[metadataVariable] = p.boot.Metadata
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out, nil
}

// live starts the worker and waits for its end, on one thread: the worker is told to die with the
// thread that started it, so that it does not outlive a launcher that was killed.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = p.log.Close() }()
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = p.cmd.Process.Pid
	started <- nil
	if p.boot.Document.WorkerTier.Environment[contract.EnvLaunchHook] != "" {
		if err := p.complete(); err != nil {
			p.boot.Failed()
			p.Shutdown() // user-data stops the worker of a boot that failed
		}
	}
	_ = p.cmd.Wait() // how it ended stands in its log
	p.end()
	close(p.done)
}

// complete runs the worker's check, which completes the launch hook: the last step of user-data.
func (p *process) complete() error {
	check := exec.Command(p.cmd.Path, "boot", "complete")
	check.Dir, check.Env, check.SysProcAttr = p.cmd.Dir, p.cmd.Env, p.cmd.SysProcAttr
	check.Stdout, check.Stderr = p.log, p.log
	return check.Run()
}

// Began is when the worker did, for which everything had been laid out.
func (p *process) Began() time.Time { return p.began }

// Done is closed when the worker has ended and nothing is left of the machine.
func (p *process) Done() <-chan struct{} { return p.done }

// Shutdown sends the worker SIGTERM.
func (p *process) Shutdown() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// PowerCut kills everything on the machine with SIGKILL, the supervisor first.
func (p *process) PowerCut() {
	_ = p.cmd.Process.Kill()
	p.end()
	<-p.done
}

// end kills what is left on the machine, until nothing is.
func (p *process) end() {
	for left := p.Processes(); len(left) > 0; left = p.Processes() {
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
}

// freezeTime bounds how long a machine may take to stop or go on, on a computer that has much else to do.
const freezeTime = 5 * time.Minute

// Freeze stops all processes with SIGSTOP and returns once none of them runs.
func (p *process) Freeze() error { return p.signalUntil(syscall.SIGSTOP, true) }

// Thaw lets them go on.
func (p *process) Thaw() error { return p.signalUntil(syscall.SIGCONT, false) }

func (p *process) signalUntil(signal syscall.Signal, stopped bool) error {
	for end := time.Now().Add(freezeTime); ; time.Sleep(time.Millisecond) {
		ready := true
		for _, m := range p.members() {
			if m.stopped != stopped {
				ready = false
				_ = syscall.Kill(m.pid, signal)
			}
		}
		if ready {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("instance %s: some processes did not follow %s within %s", p.boot.ID, signal, freezeTime)
		}
	}
}

// Processes are the process ids on the machine.
func (p *process) Processes() []int {
	var out []int
	for _, m := range p.members() {
		out = append(out, m.pid)
	}
	return out
}
