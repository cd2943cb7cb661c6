// Package child runs a child process to its end, and what it leaves behind to its own. A supervisor runs its slots in
// this way, and a slot the program of a job.
package child

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// leftoverTime is how long the pipes of an ended process are still read. [Command.Leftovers] has killed by then what the
// process started, as far as it can be found. Anything else may hold the pipes open.
const leftoverTime = time.Second

// Command is the program of a child process, what it gets and who reads what it writes. Path, Reports, Output and
// Leftovers are required.
type Command struct {
	Path string   // of the program; looked up in PATH where it has no slash
	Args []string // without the program's name
	Env  []string // the whole environment, as os.Environ gives it

	// Inherit are files that the process gets as descriptors 3, 4 and so on. [Process.Start] closes them here.
	Inherit []*os.File
	// Reports reads what the process writes to the descriptor after those of Inherit.
	Reports func(io.Reader)
	// Output reads what the process prints, on standard output and standard error.
	Output func(io.Reader)

	Group    bool           // the process leads a process group of its own, which is killed with it
	Orphaned syscall.Signal // sent to the process when this one dies (Linux)

	// Admit is called with the number of the process once it runs. An error kills it, and its start has failed. nil:
	// nothing to do.
	Admit func(pid int) error
	// Watch runs beside the process and returns when ended is closed, or before. nil: nobody watches.
	Watch func(pid int, ended <-chan struct{})
	// Leftovers kills what the process has left behind. It is called when the process has been reaped and Watch has
	// returned.
	Leftovers func()
}

// Process is a child process. Its methods may be called from several goroutines.
type Process struct {
	command Command
	cmd     *exec.Cmd
	over    chan struct{} // closed when nothing of it is left to read

	mu     sync.Mutex
	reaped bool // the number may belong to somebody else
	killed bool
	status error // valid once over is closed
}

// New is a process that has not been started.
func New(c Command) *Process {
	p := &Process{command: c, cmd: exec.Command(c.Path, c.Args...), over: make(chan struct{})}
	p.cmd.Env = c.Env
	p.cmd.SysProcAttr = attributes(c)
	return p
}

// Start starts the process. It is called once. Reports and Output run from then on, until the process has ended and
// nothing is left to read.
func (p *Process) Start() error {
	defer closeFiles(p.command.Inherit...) // the process has its own
	var reports, output pipe
	err := reports.open()
	if err == nil {
		err = output.open()
	}
	if err == nil {
		p.cmd.ExtraFiles = append(slices.Clip(p.command.Inherit), reports.write)
		p.cmd.Stdout, p.cmd.Stderr = output.write, output.write
		started := make(chan error)
		go p.live(reports.read, output.read, started)
		err = <-started
	}
	closeFiles(reports.write, output.write)
	if err != nil {
		closeFiles(reports.read, output.read)
	}
	return err
}

// live starts the process and sees it through. It holds on to its thread from the start to the end: Linux sends the
// parent-death signal when the thread that started the child ends (prctl(2)).
func (p *Process) live(reports, output *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.begin(); err != nil {
		started <- err
		return
	}
	started <- nil
	var readers, watcher sync.WaitGroup
	readers.Go(func() { p.command.Output(output) })
	readers.Go(func() { p.command.Reports(reports) })
	ended := make(chan struct{})
	if p.command.Watch != nil {
		watcher.Go(func() { p.command.Watch(p.Pid(), ended) })
	}
	p.status = p.reap()
	close(ended)
	watcher.Wait()
	p.command.Leftovers() // before the pipes: what is left may hold them open
	until := time.Now().Add(leftoverTime)
	_, _ = reports.SetReadDeadline(until), output.SetReadDeadline(until) // pipes of os.Pipe have deadlines
	readers.Wait()
	closeFiles(reports, output)
	close(p.over)
}

// begin starts the process, admitted before its start counts.
func (p *Process) begin() error {
	if err := p.cmd.Start(); err != nil || p.command.Admit == nil {
		return err
	}
	if err := p.command.Admit(p.Pid()); err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		return err
	}
	return nil
}

// reap waits for the process to end, kills what is left of its group while the group's number still
// belongs to it, and collects the exit status.
func (p *Process) reap() error {
	awaitExit(p.Pid())
	p.mu.Lock()
	if exitAwaited {
		p.kill()
	}
	p.mu.Unlock()
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !exitAwaited {
		p.kill()
	}
	p.reaped = true
	return err
}

// Pid is the number of the started process, which is also that of its group where it leads one.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process alone, unless it has ended.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends the process at once, with its group where it leads one. It may be called at any time after the start, any
// number of times.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	p.killed = true
	p.kill()
}

// Killed reports whether [Process.Kill] was called before the process had ended and was reaped.
func (p *Process) Killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// kill kills the process, which may have moved to another group, and its group. It is called before the process is
// reaped, or right after. What has left the group dies with [Command.Leftovers].
func (p *Process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	if p.command.Group {
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL) // ESRCH: nobody is left
	}
}

// Wait returns how the process ended, nil after exit status 0 and an [*exec.ExitError] after any other, once Reports and
// Output have returned and nothing is left to read.
func (p *Process) Wait() error {
	<-p.over
	return p.status
}

type pipe struct{ read, write *os.File }

func (p *pipe) open() (err error) {
	p.read, p.write, err = os.Pipe()
	return err
}

// closeFiles closes files, of which some may be nil.
func closeFiles(files ...*os.File) {
	for _, f := range files {
		_ = f.Close() // the error of a nil file says nothing
	}
}
