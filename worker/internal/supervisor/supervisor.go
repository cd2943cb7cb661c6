// Package supervisor is the shell around the sequential core: one process per instance that owns the
// goroutines, the timers and the slot processes, and alone talks to the queue and the table.
package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// longPoll is how long one receive waits for messages; the most that SQS allows.
const longPoll = 20 * time.Second

// How soon the first look at the control item, and the end of a pause, are noticed.
const (
	firstLook  = 20 * time.Millisecond
	pausedLook = time.Second
)

// longestPause is the longest wait between two tries.
const longestPause = 30 * time.Second

// pauses are those after a failing receive, probe or start of a slot. Each of them may fail at once.
var pauses = backoff.Pauses{First: time.Second, Most: longestPause, Least: 100 * time.Millisecond}

// What the receiving loop and the slots' loops promise: the bound of what they do next, and slack for calls that are
// bounded at ten seconds (package queue, cleanupTimeout) and for a machine that is slow.
const (
	receiving = "receive"
	idleLook  = 10 * time.Second // a wait for an idle slot is looked up from
	slack     = 40 * time.Second
)

// cleanupTimeout bounds what is done after everything else has ended.
const cleanupTimeout = 10 * time.Second

// Receiver takes messages from the queue.
type Receiver interface {
	Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error)
}

// Supervisor runs the jobs of one content type on one instance. All fields but Metrics, EMF, Protect, Hurried and
// Vitals are required.
type Supervisor struct {
	Processes int // slots
	Slot      slot.Options
	Receiver  Receiver
	Intake    *lease.Intake
	Attempts  lease.Deps
	Sweeper   *sweep.Sweeper
	Probe     func(ctx context.Context) error    // asks table and bucket anything: nil means that both answer
	Meter     *metrics.Meter                     // counts what happens
	Metrics   *metrics.Publisher                 // nil: not published
	EMF       *metrics.EMF                       // nil: attempts are not logged in this format
	Protect   func(context.Context, func() bool) // keeps the group from taking the instance while it is busy; nil: not wanted
	Hurried   <-chan struct{}                    // closed when a drain under way has no more time than Spot leaves; nil: never
	Vitals    *vitals.Deadlines                  // is promised that the loops turn; nil: nobody asks
	Log       *slog.Logger

	oldest atomic.Int64           // sending time of the oldest message received since the last sweep, in milliseconds; 0: none
	away   atomic.Bool            // table or bucket does not answer
	paused atomic.Pointer[bool]   // the content type, as the control item last said; nil: not asked yet
	census atomic.Pointer[census] // of the last sweep; nil: another worker leads
	signs  signs
}

// Run works until ctx is cancelled, then drains: it stops receiving at once, lets the jobs in progress
// reach a step boundary within the budget of the drain's cause, and hands them back. It returns once
// every slot process has ended.
func (s *Supervisor) Run(ctx context.Context) {
	idle := make(chan *worker, s.Processes)

	var slots, loops sync.WaitGroup
	workers := make([]*worker, s.Processes)
	for i := range workers {
		w := &worker{Supervisor: s, name: fmt.Sprintf("slot %d", i), jobs: make(chan lease.Claimed, 1), log: s.Log.With("slot", i)}
		workers[i] = w
		slots.Go(func() { w.serve(ctx, idle) })
	}
	loops.Go(func() {
		s.receiveLoop(ctx, idle)
		for _, w := range workers {
			close(w.jobs)
		}
		s.Intake.DeleteUsed(context.WithoutCancel(ctx))
	})
	loops.Go(func() { s.sweepLoop(ctx) })
	if s.Metrics != nil {
		loops.Go(func() { s.publishLoop(ctx) })
	}
	if s.Protect != nil {
		loops.Go(func() { s.Protect(ctx, func() bool { return s.Running() > 0 }) })
	}
	slots.Wait()
	loops.Wait()
}

// Running counts the jobs in progress.
func (s *Supervisor) Running() int { return s.Meter.Busy() }

// State is what the worker does, in one line for people.
func (s *Supervisor) State() string {
	text := fmt.Sprintf("%d of %d slots busy", s.Running(), s.Processes)
	if paused := s.paused.Load(); paused != nil && *paused {
		text += ", content type is paused"
	}
	if s.away.Load() {
		text += ", table or bucket does not answer"
	}
	return text
}

// receiveLoop claims jobs until ctx is cancelled, never more than there are idle slots. A drain cuts the
// long poll before it hands jobs back, or their bells would come to the very worker that drains.
func (s *Supervisor) receiveLoop(ctx context.Context, idle chan *worker) {
	defer s.Vitals.Rest(receiving)
	var free []*worker
	for failures := 0; ; {
		free = s.gather(ctx, free, idle)
		if ctx.Err() != nil {
			return
		}
		if !s.mayClaim(ctx) {
			return
		}
		s.Vitals.Within(receiving, longPoll+slack)
		most := min(len(free), queue.MaxReceived)
		messages, err := s.Receiver.Receive(ctx, most, longPoll)
		if ctx.Err() != nil {
			s.giveBack(ctx, messages)
			return
		}
		note(&s.signs.received, err)
		if err != nil {
			s.Log.WarnContext(ctx, "nothing received, trying again", "error", err.Error())
			s.Vitals.Within(receiving, longestPause+slack)
			s.pause(ctx, failures)
			failures++
			continue
		}
		failures = 0
		s.received(messages)
		s.Vitals.Within(receiving, 2*time.Duration(len(messages))*s.Attempts.Timing.Lease+slack)
		// A claim that has begun is brought to its end even when a drain begins meanwhile.
		err = s.Intake.Take(context.WithoutCancel(ctx), messages, func(c lease.Claimed) {
			w := free[len(free)-1]
			free = free[:len(free)-1]
			s.Meter.Claimed(c.Job)
			w.jobs <- c
		})
		if err != nil {
			s.Log.WarnContext(ctx, "table or bucket does not answer: not receiving until both do", "error", err.Error())
			s.Intake.DeleteUsed(ctx)
			s.waitForStorage(ctx)
		} else if len(messages) < most { // the next receive may be a long one
			s.Intake.DeleteUsed(context.WithoutCancel(ctx))
		}
	}
}

// mayClaim waits until a look at the control item has said that the content type is not paused; false: a
// drain began first.
func (s *Supervisor) mayClaim(ctx context.Context) bool {
	look := firstLook
	for ctx.Err() == nil {
		switch paused := s.paused.Load(); {
		case paused != nil && !*paused:
			return true
		case paused != nil && look == firstLook:
			s.Log.WarnContext(ctx, "content type is paused: no jobs are taken")
			s.Intake.DeleteUsed(ctx)
			look = pausedLook
		}
		s.Vitals.Within(receiving, look+slack)
		_ = s.Attempts.Clock.Sleep(ctx, look)
	}
	return false
}

func (s *Supervisor) giveBack(ctx context.Context, messages []queue.Message) {
	if len(messages) == 0 {
		return
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	s.Intake.GiveBack(cleanup, messages)
}

// gather waits for an idle slot and returns all there are.
func (s *Supervisor) gather(ctx context.Context, free []*worker, idle chan *worker) []*worker {
	look := time.NewTicker(idleLook)
	defer look.Stop()
	hold := time.NewTimer(lease.HoldUsed(s.Attempts.Timing))
	defer hold.Stop()
	for len(free) == 0 {
		s.Vitals.Within(receiving, idleLook+slack)
		select {
		case w := <-idle:
			free = append(free, w)
		case <-look.C:
		case <-hold.C:
			s.Intake.DeleteUsed(context.WithoutCancel(ctx))
		case <-ctx.Done():
			return free
		}
	}
	for {
		select {
		case w := <-idle:
			free = append(free, w)
		default:
			return free
		}
	}
}

// waitForStorage probes table and bucket with growing pauses until both answer: a message that is
// received in vain again and again would end in the dead-letter queue.
func (s *Supervisor) waitForStorage(ctx context.Context) {
	s.away.Store(true)
	defer s.away.Store(false)
	for n := 0; ctx.Err() == nil; n++ {
		s.Vitals.Within(receiving, longestPause+slack)
		s.pause(ctx, n)
		probe, cancel := context.WithTimeout(ctx, cleanupTimeout)
		err := s.Probe(probe)
		cancel()
		if err == nil {
			s.Log.InfoContext(ctx, "table and bucket answer again")
			return
		}
	}
}

// pause waits after a failure that followed n others.
func (s *Supervisor) pause(ctx context.Context, n int) {
	_ = s.Attempts.Clock.Sleep(ctx, pauses.After(int64(n), s.Attempts.Rand))
}

// received notes for the next sweep where the queue is.
func (s *Supervisor) received(messages []queue.Message) {
	s.Meter.Received.Add(int64(len(messages)))
	for _, m := range messages {
		if oldest := s.oldest.Load(); oldest == 0 || m.SentAt.UnixMilli() < oldest {
			s.oldest.Store(m.SentAt.UnixMilli()) // a sweep in between makes the next one see a little less
		}
	}
}

func (s *Supervisor) sweepLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if oldest := s.oldest.Swap(0); oldest != 0 {
			s.Sweeper.Received(time.UnixMilli(oldest))
		}
		began := s.Attempts.Clock.Monotonic()
		result, err := s.Sweeper.Once(ctx)
		s.swept(ctx, result, err)
		_ = s.Attempts.Clock.Sleep(ctx, s.untilNextSweep(began, result))
	}
}

// swept takes note of what a sweep found, for those who ask and for the receiving loop.
func (s *Supervisor) swept(ctx context.Context, result sweep.Result, err error) {
	s.Meter.Reaped(result.Reaped, result.Ended)
	s.Meter.Rung.Add(int64(result.Rung))
	now := s.Attempts.Clock.Monotonic()
	if err == nil || result.Led { // the table answered
		s.signs.heard.Store(int64(now))
		s.paused.Store(&result.Paused)
		note(&s.signs.unheard, nil)
	} else if ctx.Err() == nil {
		note(&s.signs.unheard, err)
	}
	switch {
	case err != nil:
		if ctx.Err() == nil {
			s.signs.unswept.Add(1)
			s.Log.WarnContext(ctx, "sweep not finished, trying again", "error", err.Error())
		}
	case result.Led:
		s.Log.DebugContext(ctx, "swept", "ready", result.Ready, "running", result.Running, "reaped", result.Reaped, "rung", result.Rung)
		s.census.Store(&census{result, now})
	default:
		s.census.Store(nil)
	}
}

// untilNextSweep is the interval from the beginning of one sweep to that of the next, with jitter so that the workers of a type do not look at the control
// item all at once; less where the job of a dead worker can be reaped before.
func (s *Supervisor) untilNextSweep(began time.Duration, last sweep.Result) time.Duration {
	interval := s.Sweeper.Interval
	wait := interval - interval/8 + time.Duration(s.Attempts.Rand.Int64N(int64(interval/4)))
	wait = max(interval/8, began+wait-s.Attempts.Clock.Monotonic())
	if last.RipeIn > 0 {
		wait = min(wait, last.RipeIn)
	}
	return wait
}
