// Package slot runs processors in child processes. The supervisor and a slot exchange JSON lines (package protocol) over
// two inherited descriptors (3: to the slot, 4: from it), so that a panic, a hang, a leak or an ignored cancellation costs
// one job: the slot is killed with its process group and replaced.
package slot

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/worker-tier/worker-tier/worker/internal/child"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// The descriptors of a slot process, beside the usual three.
const (
	ordersFD  = 3 // read end, orders to the slot
	reportsFD = 4 // write end, reports from it
)

// Options say which program a slot runs and what it inherits.
type Options struct {
	Executable string       // path of the program; usually os.Executable()
	Args       []string     // its arguments, without the program's name
	Env        []string     // its whole environment, as os.Environ gives it; nil: the parent's
	Folder     string       // where the slot's temporary files belong; "": wherever the parent's do
	Log        *slog.Logger // what the slot prints is logged here line by line, at level info

	Confinement *confine.Confinement // limits its memory; nil: no limit
}

// Process is the supervisor's side of one slot process. Its methods may be called from several goroutines.
type Process struct {
	child   *child.Process
	cell    *confine.Cell
	orders  *orders
	mail    chan protocol.Report // as they come
	reports chan protocol.Report // as they are read
	output  *output

	exceeded *confine.MemoryError // valid once the child has ended
	err      error                // valid once reports is closed

	mu    sync.Mutex
	fault error // how the slot broke the protocol
}

// Start starts a slot process in a process group of its own. The caller must read [Process.Reports]
// until it is closed; a slot's first report is [protocol.Ready].
func Start(o Options) (*Process, error) {
	read, write, err := os.Pipe() // the orders
	if err != nil {
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	cell, err := o.Confinement.Cell()
	if err != nil {
		_, _ = read.Close(), write.Close()
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	p := &Process{cell: cell, orders: newOrders(write), mail: make(chan protocol.Report), reports: make(chan protocol.Report), output: newOutput(o.Log)}
	p.child = child.New(child.Command{
		Path: o.Executable, Args: o.Args, Env: cell.Environ(inFolder(slices.Clip(o.Env), o.Folder)),
		Inherit: []*os.File{read}, Reports: p.readReports, Output: p.readOutput,
		// The signal is one that the slot handles, not SIGKILL: a slot killed on the spot could not take the programs of
		// its group with it.
		Group: true, Orphaned: supervisorDied,
		Admit: cell.Admit, Watch: p.watch, Leftovers: p.endLeftovers,
	})
	if err := p.child.Start(); err != nil {
		p.endLeftovers() // nobody is in the cell
		return nil, fmt.Errorf("start a slot: %w", err)
	}
	go p.live()
	return p, nil
}

// live delivers the reports and says in the end why there are no more.
func (p *Process) live() {
	deliver(p.mail, p.reports)
	p.err = p.reason(p.child.Wait())
	close(p.reports)
}

func (p *Process) readReports(from io.Reader) {
	defer close(p.mail)
	if err := readReports(from, p.orders, p.mail); err != nil {
		p.breakOff(err)
	}
}

func (p *Process) readOutput(from io.Reader) { p.output.read(from, p.Pid()) }

func (p *Process) watch(group int, ended <-chan struct{}) { p.cell.Guard(group, p.Kill, ended) }

func (p *Process) endLeftovers() {
	p.exceeded = p.cell.Close()
	p.orders.close()
}

// Pid is the process's number, which is its process group's too.
func (p *Process) Pid() int { return p.child.Pid() }

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
func (p *Process) Kill() { p.child.Kill() }

// Err says why the process ended, with what it printed last; it wraps [protocol.ErrKilled] after Kill and is nil
// after an exit with status 0. Valid once [Process.Reports] is closed.
func (p *Process) Err() error { return p.err }

// breakOff kills a slot that broke the protocol.
func (p *Process) breakOff(fault error) {
	p.orders.refuse()
	p.mu.Lock()
	if p.fault == nil {
		p.fault = fault
	}
	p.mu.Unlock()
	p.child.Kill()
}

func endedBy(status error, signal syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(status, &exit) {
		return false
	}
	wait, ok := exit.Sys().(syscall.WaitStatus)
	return ok && wait.Signaled() && wait.Signal() == signal
}

func (p *Process) reason(status error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.exceeded != nil:
		return fmt.Errorf("slot %d was killed: %w", p.Pid(), p.exceeded)
	case p.fault != nil:
		return fmt.Errorf("slot %d broke the protocol and was killed: %w", p.Pid(), p.fault)
	case p.child.Killed() && endedBy(status, syscall.SIGKILL):
		return fmt.Errorf("slot %d: %w", p.Pid(), protocol.ErrKilled)
	case status == nil:
		return nil
	case endedBy(status, syscall.SIGKILL) && !strings.Contains(p.output.tail.Last(), endsItself):
		status = fmt.Errorf("%w, not by the worker: who sent the signal is not known", status)
	}
	if said := p.output.tail.Last(); said != "" {
		return fmt.Errorf("slot %d: %w: %s", p.Pid(), status, said)
	}
	return fmt.Errorf("slot %d: %w", p.Pid(), status)
}
