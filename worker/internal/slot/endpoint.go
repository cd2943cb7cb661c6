package slot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// supervisorDied is the signal by which the kernel tells a slot that its supervisor is gone. It sends it once the slot has
// another parent. https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
const supervisorDied = syscall.SIGHUP

// Endpoint is a slot process's own side of the protocol. It ends the process and its whole group when
// the supervisor is gone or the job's deadline has passed, whatever the processor is doing.
type Endpoint struct {
	tasks chan *Task
	fuse  *fuse

	mu      sync.Mutex
	reports io.Writer
	task    *Task // the job at hand, or nil
}

// Task is a job at hand in a slot.
type Task struct {
	protocol.Assignment

	drain    chan struct{}
	drained  sync.Once
	deadline protocol.Drain
}

// Draining is closed when the job must stop at its next step boundary.
func (t *Task) Draining() <-chan struct{} { return t.drain }

// Drain says why and until when; valid once [Task.Draining] is closed.
func (t *Task) Drain() protocol.Drain { return t.deadline }

// Attach takes up the descriptors that the supervisor left to this process and reports it ready;
// processor is "<name>@<version>". From then on SIGTERM and SIGINT are the supervisor's business
// alone: a service manager may send them to every process of the service.
func Attach(processor string) (*Endpoint, error) {
	for _, fd := range []uintptr{ordersFD, reportsFD} {
		if _, err := unix.FcntlInt(fd, unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return nil, errors.New("a slot is started by \"worker run\", which gives it its orders; it cannot be run by hand")
		}
	}
	offerToKernel() // before the shield, which makes root the owner of that file
	if err := confine.Shield(); err != nil {
		return nil, err
	}
	e := &Endpoint{
		tasks:   make(chan *Task, 1),
		fuse:    newFuse(),
		reports: os.NewFile(reportsFD, "reports"),
	}
	// Caught, not ignored, which programs would inherit. SIGPIPE: what a slot prints when its supervisor is
	// gone must not end it before it has ended its group.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	gone, supervisor := make(chan os.Signal, 1), os.Getppid()
	signal.Notify(gone, supervisorDied)
	go func() {
		for range gone {
			if os.Getppid() != supervisor { // else a service manager sent it to every process of the service
				endGroup("the supervisor has died")
			}
		}
	}()
	go e.fuse.watch()
	go e.take(os.NewFile(ordersFD, "orders"))
	return e, e.send(protocol.Report{Ready: &protocol.Ready{Protocol: protocol.Version, Processor: processor}})
}

// Tasks delivers one job after the other; the next one comes after [Endpoint.Finish].
func (e *Endpoint) Tasks() <-chan *Task { return e.tasks }

// take reads orders until the supervisor is gone.
func (e *Endpoint) take(from io.Reader) {
	lines := NewLineScanner(from, maxOrder)
	for lines.Scan() {
		var o protocol.Order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			endGroup("cannot read an order: " + err.Error())
		}
		e.obey(o)
	}
	if err := lines.Err(); err != nil {
		endGroup("cannot read orders: " + err.Error())
	}
	endGroup("the supervisor is gone")
}

func (e *Endpoint) obey(o protocol.Order) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case o.Run != nil && e.task != nil:
		// The processor has reported an outcome behind our back. The next job must not pay for it: one that
		// is stopped unasked is handed back uncounted, and the supervisor sends this slot no other.
		_ = e.send(protocol.Report{Outcome: &protocol.Outcome{Kind: protocol.Stopped, Error: "the slot was still at work on another job"}})
		endGroup("was given a second job")
	case o.Run != nil:
		e.task = &Task{Assignment: *o.Run, drain: make(chan struct{})}
		e.fuse.set(o.Run.Deadline)
		if o.Run.KnowsSick { // the slot has the job: its end from now on may be the job's fault
			_ = e.send(protocol.Report{Progress: &o.Run.Progress})
		}
		e.tasks <- e.task
	case e.task == nil: // about a job that ended meanwhile
	case o.Deadline != nil:
		e.fuse.set(o.Deadline.At)
	case o.Drain != nil:
		e.task.drained.Do(func() {
			e.task.deadline = *o.Drain
			close(e.task.drain)
		})
	}
}

// Progress reports how far the job at hand is.
func (e *Endpoint) Progress(p protocol.Progress) error { return e.send(protocol.Report{Progress: &p}) }

// Checkpoint reports a cursor whose outputs are durable.
func (e *Endpoint) Checkpoint(c protocol.Checkpoint) error {
	return e.send(protocol.Report{Checkpoint: &c})
}

// Finish reports the outcome of the job at hand; the slot is idle then.
func (e *Endpoint) Finish(o protocol.Outcome) error {
	e.mu.Lock()
	e.task = nil
	e.fuse.set(0)
	e.mu.Unlock()
	o.Error = protocol.Brief(o.Error)
	return e.send(protocol.Report{Outcome: &o})
}

func (e *Endpoint) send(r protocol.Report) error {
	line, err := plainjson.Marshal(r)
	if err != nil {
		return fmt.Errorf("report to the supervisor: %w", err)
	}
	if len(line) > protocol.MaxReport {
		return fmt.Errorf("report to the supervisor: %d bytes are more than %d", len(line), protocol.MaxReport)
	}
	if _, err := e.reports.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("report to the supervisor: %w", err)
	}
	return nil
}
