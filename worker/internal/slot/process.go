// Package slot runs processors in child processes. The supervisor and a slot exchange JSON lines (package protocol) over
// two inherited descriptors (3: to the slot, 4: from it), so that a panic, a hang, a leak or an ignored cancellation costs
// one job: the slot is killed with its process group and replaced.
package slot

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// The descriptors of a slot process, beside the usual three.
const (
	ordersFD  = 3 // read end, orders to the slot
	reportsFD = 4 // write end, reports from it
)

// leftoverTime is how long the output of an ended slot is still read. All that it started is dead by then
// but for what package confine cannot find.
const leftoverTime = time.Second

// Options say which program a slot runs and what it inherits.
type Options struct {
	Executable string       // path of the program; usually os.Executable()
	Args       []string     // its arguments, without the program's name
	Env        []string     // its whole environment, as os.Environ gives it; nil: the parent's
	Log        *slog.Logger // what the slot prints is logged here line by line, at level info

	Confinement *confine.Confinement // limits its memory; nil: no limit
}

// Process is the supervisor's side of one slot process. Its methods may be called from several goroutines.
type Process struct {
	cmd     *exec.Cmd
	cell    *confine.Cell
	orders  *orders
	reports chan protocol.Report
	output  *output

	mu     sync.Mutex
	reaped bool // the pid may belong to somebody else
	killed bool
	fault  error // how the slot broke the protocol
	err    error // valid once reports is closed
}

// Start starts a slot process in a process group of its own. The caller must read [Process.Reports]
// until it is closed; a slot's first report is [protocol.Ready].
func Start(o Options) (*Process, error) {
	pipes, err := openPipes()
	if err != nil {
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	cell, err := o.Confinement.Cell()
	if err != nil {
		pipes.closeAll()
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	cmd := exec.Command(o.Executable, o.Args...)
	cmd.Env = cell.Environ(o.Env)
	cmd.ExtraFiles = []*os.File{pipes.orders.read, pipes.reports.write}
	cmd.Stdout, cmd.Stderr = pipes.output.write, pipes.output.write
	cmd.SysProcAttr = attributes()

	p := &Process{cmd: cmd, cell: cell, reports: make(chan protocol.Report)}
	started := make(chan error)
	go p.live(pipes, o.Log, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	return p, nil
}

// live starts the process, serves it and reaps it. It holds on to its thread from the start to the
// end: Linux sends the parent-death signal when the thread that started the child ends (prctl(2)).
func (p *Process) live(pipes *pipes, log *slog.Logger, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.start(); err != nil {
		pipes.closeAll()
		_ = p.cell.Close() // nobody is in it
		started <- err
		return
	}
	pipes.closeChildSide()
	log = log.With("slot_pid", p.cmd.Process.Pid)
	p.orders = newOrders(pipes.orders.write)
	p.output = newOutput(log)
	started <- nil

	var readers sync.WaitGroup
	mail := make(chan protocol.Report)
	readers.Go(func() { p.output.read(pipes.output.read) })
	readers.Go(func() {
		defer close(mail)
		if err := readReports(pipes.reports.read, p.orders, mail); err != nil {
			p.breakOff(err)
		}
	})
	delivered := make(chan struct{})
	go func() { defer close(delivered); deliver(mail, p.reports) }()
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { p.cell.Watch(p.Pid(), p.Kill, ended) })

	status := p.reap()
	close(ended)
	watcher.Wait()
	exceeded := p.cell.Close() // before the pipes: what is left may hold them open
	p.orders.close()
	pipes.endReading(leftoverTime)
	readers.Wait()
	pipes.closeParentSide()
	<-delivered
	p.err = p.reason(status, exceeded)
	close(p.reports)
}

// start starts the process, in its cell before it gets a job.
func (p *Process) start() error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := p.cell.Admit(p.Pid()); err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		return err
	}
	return nil
}

// reap waits for the process to end, kills what is left of its group while the group's number still
// belongs to it, and collects the exit status.
func (p *Process) reap() error {
	awaitExit(p.cmd.Process.Pid)
	p.mu.Lock()
	if exitAwaited {
		p.killGroup()
	}
	p.mu.Unlock()
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !exitAwaited {
		p.killGroup()
	}
	p.reaped = true
	return err
}

// Pid is the process's number, which is its process group's too.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Send passes an order to the slot. It never waits for the slot: it fails if the slot has ended, if it
// does not read, or if it is given a job while it has one.
func (p *Process) Send(o protocol.Order) error {
	if err := p.orders.send(o); err != nil {
		return fmt.Errorf("send to slot %d: %w", p.Pid(), err)
	}
	return nil
}

// Reports delivers what the slot reports. For a slow reader only the newest progress and the newest
// checkpoint of a job are kept; outcomes are never dropped. It is closed when the process has ended
// and everything was delivered.
func (p *Process) Reports() <-chan protocol.Report { return p.reports }

// Kill ends the slot's whole process group at once. It may be called at any time, any number of times.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	p.killed = true
	p.killGroup()
}

// Err says why the process ended, with what it printed last; it wraps [protocol.ErrKilled] after Kill and is nil
// after an exit with status 0. Valid once [Process.Reports] is closed.
func (p *Process) Err() error { return p.err }

// breakOff kills a slot that broke the protocol.
func (p *Process) breakOff(fault error) {
	p.orders.refuse()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil {
		p.fault = fault
	}
	if !p.reaped {
		p.killGroup()
	}
}

// killGroup kills the slot, which may have moved to another group, and its group. What has left the group
// dies right after it, with the cell.
func (p *Process) killGroup() {
	_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL)
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // ESRCH: nobody is left
}

func endedBy(status error, signal syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(status, &exit) {
		return false
	}
	wait, ok := exit.Sys().(syscall.WaitStatus)
	return ok && wait.Signaled() && wait.Signal() == signal
}

func (p *Process) reason(status error, exceeded *confine.MemoryError) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case exceeded != nil:
		return fmt.Errorf("slot %d was killed: %w", p.Pid(), exceeded)
	case p.fault != nil:
		return fmt.Errorf("slot %d broke the protocol and was killed: %w", p.Pid(), p.fault)
	case p.killed && endedBy(status, syscall.SIGKILL):
		return fmt.Errorf("slot %d: %w", p.Pid(), protocol.ErrKilled)
	case status == nil:
		return nil
	case endedBy(status, syscall.SIGKILL) && !strings.Contains(p.output.last(), endsItself):
		status = fmt.Errorf("%w, not by the worker: the kernel does that when the machine is out of memory", status)
	}
	if said := p.output.last(); said != "" {
		return fmt.Errorf("slot %d: %w: %s", p.Pid(), status, said)
	}
	return fmt.Errorf("slot %d: %w", p.Pid(), status)
}
