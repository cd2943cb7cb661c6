package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// readyTimeout is how long a slot process may take to start.
const readyTimeout = 30 * time.Second

// idleEndPause keeps slots that end as soon as they are ready from being started in a hot loop. It is far
// shorter than a lease: a job that is claimed meanwhile waits for it.
const idleEndPause = time.Second

// worker keeps one slot: a process that is replaced whenever it ended or was killed.
type worker struct {
	*Supervisor
	name string
	jobs chan lease.Claimed
	log  *slog.Logger
}

// serve runs jobs until its channel is closed; it announces itself on idle whenever it can take one.
func (w *worker) serve(ctx context.Context, idle chan<- *worker) {
	var process *slot.Process
	defer func() { w.discard(process) }()
	for announced := false; ; {
		if process == nil {
			if process = w.startPatiently(ctx); process == nil {
				if announced {
					w.refuse(ctx)
				}
				return
			}
		}
		if !announced {
			idle <- w
			announced = true
		}
		select {
		case claimed, open := <-w.jobs:
			if !open {
				return
			}
			w.Meter.Add(1)
			usable := w.run(ctx, process, claimed)
			w.Meter.Add(-1)
			announced = false
			if ctx.Err() != nil {
				return
			}
			if usable {
				continue
			}
		case _, open := <-process.Reports():
			w.log.WarnContext(ctx, "idle slot ended or spoke out of turn: replaced", "spoke", open)
			_ = w.Attempts.Clock.Sleep(ctx, idleEndPause)
		}
		w.discard(process)
		process = nil
	}
}

// refuse hands back what was claimed for a slot that had died idle as the drain began, until no more can
// come: a job that is dropped would count as a crash.
func (w *worker) refuse(ctx context.Context) {
	work := context.WithoutCancel(ctx)
	for claimed := range w.jobs {
		attempt := lease.Begin(work, w.Attempts, claimed, noSlot{})
		w.drain(attempt, drain.Of(ctx))
		attempt.Ended(work, errNoSlot)
		w.count(work, attempt)
	}
}

var errNoSlot = errors.New("the slot had ended and the worker drains")

// noSlot is a slot that is gone.
type noSlot struct{}

func (noSlot) Send(protocol.Order) error { return errNoSlot }
func (noSlot) Kill()                     {}

// discard kills a slot process and waits until it is gone.
func (w *worker) discard(process *slot.Process) {
	if process == nil {
		return
	}
	w.signs.slots.Add(-1)
	process.Kill()
	for range process.Reports() {
	}
	if err := process.Err(); err != nil && !errors.Is(err, protocol.ErrKilled) {
		w.log.Warn("slot ended", "error", err.Error())
	}
}

// startPatiently starts a slot process, however many tries it takes; nil: told to stop.
func (w *worker) startPatiently(ctx context.Context) *slot.Process {
	for failures := 0; ctx.Err() == nil; failures++ {
		process, err := w.start(ctx)
		if err == nil {
			w.signs.slots.Add(1)
			w.signs.started.Add(1)
			return process
		}
		if ctx.Err() == nil {
			w.signs.unstarted.Add(1)
			w.log.ErrorContext(ctx, "slot not started, trying again", "error", err.Error())
			w.pause(ctx, failures)
		}
	}
	return nil
}

// start starts a slot process and waits until it is ready.
func (w *worker) start(ctx context.Context) (*slot.Process, error) {
	process, err := slot.Start(w.Slot)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	var report protocol.Report
	var open bool
	select {
	case report, open = <-process.Reports():
	case <-timeout.C:
	case <-ctx.Done():
	}
	if report.Ready != nil && report.Ready.Protocol == protocol.Version {
		return process, nil
	}
	process.Kill()
	for range process.Reports() {
	}
	if err := process.Err(); err != nil && !errors.Is(err, protocol.ErrKilled) {
		return nil, err
	}
	return nil, fmt.Errorf("slot %d is not ready (spoke: %t, waited %s)", process.Pid(), open, readyTimeout)
}

// run works on one job until the attempt is over, and reports whether the slot can take another.
func (w *worker) run(ctx context.Context, process *slot.Process, claimed lease.Claimed) bool {
	// The attempt's writes go on through a drain: ctx only says when to begin one.
	work := context.WithoutCancel(ctx)
	// Whatever an attempt does ends with its lease, which a renewal prolongs by at most one more.
	promised := 2*w.Attempts.Timing.Lease + slack
	w.Vitals.Within(w.name, promised)
	defer w.Vitals.Rest(w.name)
	attempt := lease.Begin(work, w.Attempts, claimed, process)
	draining, hurried := ctx.Done(), w.Hurried
	for !attempt.Over() {
		w.Vitals.Within(w.name, promised)
		timer := time.NewTimer(attempt.Next() - w.Attempts.Clock.Monotonic())
		select {
		case report, open := <-process.Reports():
			if open {
				attempt.Report(work, report)
			} else {
				attempt.Ended(work, process.Err())
			}
		case <-timer.C:
			attempt.Tick(work)
		case <-draining:
			draining = nil
			w.drain(attempt, drain.Of(ctx))
		case <-hurried:
			hurried = nil
			w.drain(attempt, &drain.Cause{Source: drain.Spot})
		}
		timer.Stop()
	}
	w.count(work, attempt)
	return attempt.SlotUsable()
}

// count counts an attempt that is over.
func (w *worker) count(ctx context.Context, attempt *lease.Attempt) {
	w.Meter.Ended(attempt.Outcome())
	if w.EMF != nil {
		w.EMF.Ended(ctx, attempt.Account())
	}
}

func (w *worker) drain(attempt *lease.Attempt, cause *drain.Cause) {
	attempt.Drain(string(cause.Source), cause.Budget(w.Attempts.Timing.DrainBudget))
}
