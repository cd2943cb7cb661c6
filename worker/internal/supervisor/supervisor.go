// Package supervisor is the shell around a worker's loops: the process of an instance that runs them as goroutines, on
// the machine's clock and with slots that are processes. It alone talks to the queue and the table.
package supervisor

import (
	"context"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// Supervisor runs the jobs of one content type on one instance.
type Supervisor struct {
	loop.Worker
	Slot    slot.Options
	Protect func(context.Context, func() bool) // keeps the group from taking the instance while it is busy; nil: not wanted
	Hurried <-chan struct{}                    // closed when a drain under way has no more time than Spot leaves; nil: never
}

// Run works until ctx is cancelled, then drains, see [loop.Worker.Run].
func (s *Supervisor) Run(ctx context.Context) {
	hurried, hurry := context.WithCancelCause(context.WithoutCancel(ctx))
	defer hurry(nil)
	var beside sync.WaitGroup
	ended := make(chan struct{})
	beside.Go(func() {
		select {
		case <-s.Hurried:
			hurry(&drain.Cause{Source: drain.Spot, Detail: "during another drain"})
		case <-ended:
		}
	})
	if s.Protect != nil {
		beside.Go(func() { s.Protect(ctx, func() bool { return s.Running() > 0 }) })
	}
	s.Worker.Run(ctx, hurried, host{s.Slot})
	close(ended)
	beside.Wait()
}

// host runs loops as goroutines.
type host struct{ slot slot.Options }

var _ loop.Host = host{}

// Task returns a place to wait.
func (host) Task() loop.Task { return make(task, 1) }

// Together runs bodies as goroutines and waits for them.
func (host) Together(bodies ...func()) {
	var group sync.WaitGroup
	for _, body := range bodies {
		group.Go(body)
	}
	group.Wait()
}

// Start starts a slot process whose reports wake t.
func (h host) Start(t loop.Task) (loop.Process, error) {
	started, err := slot.Start(h.slot)
	if err != nil {
		return nil, err
	}
	p := &process{started, make(chan protocol.Report, 1)}
	go p.pass(t)
	return p, nil
}

// task holds a wake-up until its loop waits for it.
type task chan struct{}

// Wait waits for a wake-up.
func (t task) Wait(ctx context.Context, until time.Duration) {
	timer := time.NewTimer(until - SystemClock{}.Monotonic())
	defer timer.Stop()
	select {
	case <-t:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Wake wakes the loop, now or as it waits the next time.
func (t task) Wake() {
	select {
	case t <- struct{}{}:
	default: // woken already
	}
}

// process is a slot process as its loop sees it.
type process struct {
	*slot.Process
	next chan protocol.Report
}

// pass hands on the reports one by one until the process has ended, which its loop waits for.
func (p *process) pass(t loop.Task) {
	for report := range p.Reports() {
		p.next <- report
		t.Wake()
	}
	close(p.next)
	t.Wake()
}

// Next takes the next report.
func (p *process) Next() (report *protocol.Report, ended bool) {
	select {
	case r, open := <-p.next:
		if !open {
			return nil, true
		}
		return &r, false
	default:
		return nil, false
	}
}
