// Package supervisor is the shell around a worker's loops: the process of an instance that runs them as goroutines, on
// the machine's clock and with slots that are processes. It alone talks to the queue and the table.
package supervisor

import (
	"context"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/jobfolder"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// Supervisor runs the jobs of one content type on one instance.
type Supervisor struct {
	loop.Worker
	Slot    slot.Options
	Folders *jobfolder.Keeper                  // of slots and jobs
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
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	beside.Go(func() { s.Folders.Run(life) })
	s.Worker.Run(ctx, hurried, host{s.Slot, s.Folders})
	end()
	close(ended)
	beside.Wait()
}

// host runs loops as goroutines.
type host struct {
	slot    slot.Options
	folders *jobfolder.Keeper
}

var _ loop.Host = host{}

// Families are what the worker knows of itself, for those who read /metrics.
func (s *Supervisor) Families() []metrics.Family {
	return append(s.Worker.Families(), metrics.Family{
		Name: "worker_job_folder_removal_failures_total", Kind: metrics.Counter, Help: "Tries to remove the folders of jobs that failed; they are repeated.",
		Read: metrics.One(func() float64 { return float64(s.Folders.Failures()) }),
	})
}

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
	folder, err := h.folders.Make()
	if err != nil {
		return nil, err
	}
	options := h.slot
	options.Folder = folder
	started, err := slot.Start(options)
	if err != nil {
		h.folders.Release(folder)
		return nil, err
	}
	p := &process{Process: started, folders: h.folders, folder: folder, next: make(chan protocol.Report, 1)}
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
	folders *jobfolder.Keeper
	folder  string // of the slot
	next    chan protocol.Report

	mu    sync.Mutex
	job   string // folder of its next or present job; "": none
	ended bool
}

// Prepare makes the folder of the next job. A process that has ended needs none.
func (p *process) Prepare() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.folders.Release(p.job)
	p.job = ""
	if !p.ended {
		p.job, err = p.folders.Make()
	}
	return err
}

// Send passes on an order; a job gets its folder.
func (p *process) Send(o protocol.Order) error {
	if o.Run != nil {
		run := *o.Run
		p.mu.Lock()
		run.Folder = p.job
		p.mu.Unlock()
		o.Run = &run
	}
	return p.Process.Send(o)
}

// clear has the folders removed once the process has ended.
func (p *process) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.folders.Release(p.job)
	p.folders.Release(p.folder)
}

// pass hands on the reports one by one until the process has ended, which its loop waits for.
func (p *process) pass(t loop.Task) {
	for report := range p.Reports() {
		p.next <- report
		t.Wake()
	}
	p.clear()
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
