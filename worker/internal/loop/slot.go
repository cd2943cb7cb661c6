package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// readyTimeout is how long a slot process may take to start.
const readyTimeout = 30 * time.Second

// idleEndPause keeps slots that end as soon as they are ready from being started in a hot loop. It is far
// shorter than a lease: a job that is claimed meanwhile waits for it.
const idleEndPause = time.Second

// slot keeps one slot process, which is replaced whenever it ended or was killed.
type slot struct {
	*Worker
	name string
	task Task
	jobs chan lease.Claimed // given by the receiving loop, which closes it
	log  *slog.Logger
}

func (w *Worker) newSlot(i int) *slot {
	return &slot{Worker: w, name: fmt.Sprintf("slot %d", i), task: w.host.Task(), jobs: make(chan lease.Claimed, 1), log: w.Log.With("slot", i)}
}

// loop runs jobs until the receiving loop has ended, and one after another: it announces itself as idle whenever it can
// take one.
func (s *slot) loop(ctx, hurried context.Context) {
	var process Process
	for announced := false; ; {
		if process == nil {
			if process, announced = s.startPatiently(ctx, announced); process == nil {
				if announced {
					s.refuse(ctx)
				}
				return
			}
		}
		if !announced {
			s.idle <- s
			s.receiver.Wake()
			announced = true
		}
		claimed, what := s.next(process)
		switch what {
		case noMore:
			s.discard(process)
			return
		case given:
			usable := s.run(ctx, hurried, process, *claimed)
			announced = false
			if usable && s.prepared(ctx, process) {
				continue
			}
		case broken:
			_ = s.Attempts.Clock.Sleep(ctx, idleEndPause)
		}
		s.discard(process)
		process = nil
	}
}

// prepared prepares a process that has ended a job for its next one. One that cannot be prepared makes the instance sick.
func (s *slot) prepared(ctx context.Context, process Process) bool {
	err := process.Prepare()
	if err != nil {
		s.fall(ctx, err.Error())
	}
	return err == nil
}

// event is what ends the idleness of a slot.
type event int

const (
	given  event = iota // a job
	noMore              // jobs will come
	broken              // the process has ended, or reported something unasked
)

// next waits with an idle process for a job.
func (s *slot) next(process Process) (*lease.Claimed, event) {
	for {
		if report, ended := process.Next(); ended || report != nil {
			s.log.Warn("idle slot exited or sent an unexpected report: restarting it", "exited", ended)
			return nil, broken
		}
		select {
		case claimed, open := <-s.jobs:
			if !open {
				return nil, noMore
			}
			return &claimed, given
		default:
		}
		s.task.Wait(context.Background(), lease.Never)
	}
}

// refuse hands back what was claimed for a slot that had died idle as the drain began, until no more can
// come: a job that is dropped would count as a crash.
func (s *slot) refuse(ctx context.Context) {
	work := context.WithoutCancel(ctx)
	for {
		select {
		case claimed, open := <-s.jobs:
			if !open {
				return
			}
			attempt := s.begin(work, claimed, noSlot{})
			s.drain(attempt, drain.Of(ctx))
			attempt.Ended(work, errNoSlot)
			s.count(work, attempt)
		default:
			s.task.Wait(work, lease.Never)
		}
	}
}

var errNoSlot = errors.New("the slot had ended")

// noSlot is a slot that is gone.
type noSlot struct{}

func (noSlot) Send(protocol.Order) error { return errNoSlot }
func (noSlot) Kill()                     {}

// discard kills a slot process that was ready once, and waits until it is gone.
func (s *slot) discard(process Process) {
	s.signs.slots.Add(-1)
	if err := s.end(process); err != nil {
		s.log.Warn("slot ended", "error", err.Error())
	}
}

// end kills a slot process and waits until it is gone. The error is why it ended, if it ended by itself.
func (s *slot) end(process Process) error {
	process.Kill()
	for {
		report, ended := process.Next()
		if ended {
			break
		}
		if report == nil {
			s.task.Wait(context.Background(), lease.Never)
		}
	}
	if err := process.Err(); !errors.Is(err, protocol.ErrKilled) {
		return err
	}
	return nil
}

// startPatiently starts a slot process, however many tries it takes; nil: a drain began. One that does not start makes
// the instance sick. It reports whether the slot is still announced as idle.
func (s *slot) startPatiently(ctx context.Context, announced bool) (Process, bool) {
	for ctx.Err() == nil {
		if s.illness.on() {
			announced = s.awaitWell(ctx, announced)
			continue
		}
		process, err := s.start(ctx)
		if err == nil {
			s.signs.slots.Add(1)
			s.signs.started.Add(1)
			return process, announced
		}
		if ctx.Err() == nil {
			s.signs.unstarted.Add(1)
			s.log.ErrorContext(ctx, "slot not started", "error", err.Error())
			s.fall(ctx, "a slot does not start: "+err.Error())
		}
	}
	return nil, announced
}

// start starts a slot process and waits until it is ready.
func (s *slot) start(ctx context.Context) (Process, error) {
	process, err := s.host.Start(s.task)
	if err != nil {
		return nil, err
	}
	clock := s.Attempts.Clock
	timeout := clock.Monotonic() + readyTimeout
	report, ended := process.Next()
	for report == nil && !ended && ctx.Err() == nil && clock.Monotonic() < timeout {
		s.task.Wait(ctx, timeout)
		report, ended = process.Next()
	}
	ready := report != nil && report.Ready != nil && report.Ready.Protocol == protocol.Version
	if ready {
		if err = process.Prepare(); err == nil {
			return process, nil
		}
	}
	if why := s.end(process); err == nil {
		err = why
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the slot was not ready within %s, or sent another report first (%t)", readyTimeout, report != nil)
}

// run works on one job until the attempt is over, and reports whether the slot can take another.
func (s *slot) run(ctx, hurried context.Context, process Process, claimed lease.Claimed) bool {
	s.Meter.Add(1)
	defer s.Meter.Add(-1)
	// The attempt's writes go on through a drain: ctx only says when to begin one, hurried when to hurry it.
	work := context.WithoutCancel(ctx)
	cuts := []context.Context{ctx, hurried, work}
	defer s.Vitals.Rest(s.name)
	s.promise()
	attempt := s.begin(work, claimed, process)
	for !attempt.Over() {
		s.promise()
		due := attempt.Next()
		switch {
		case cuts[0].Err() != nil:
			s.drain(attempt, drain.Of(cuts[0]))
			cuts = cuts[1:]
			continue
		case s.Attempts.Clock.Monotonic() >= due:
			attempt.Tick(work)
			continue
		}
		report, ended := process.Next()
		switch {
		case report != nil:
			attempt.Report(work, *report)
		case ended:
			attempt.Ended(work, process.Err())
		default:
			s.task.Wait(cuts[0], due)
		}
	}
	s.count(work, attempt)
	return attempt.SlotUsable()
}

// promise renews what the slot promises: whatever an attempt does ends with its lease, which a renewal prolongs by at
// most one more.
func (s *slot) promise() { s.Vitals.Within(s.name, 2*s.Attempts.Timing.Lease+slack) }

func (s *slot) begin(ctx context.Context, c lease.Claimed, process lease.Slot) Attempt {
	if s.Begin != nil {
		return s.Begin(ctx, c, process)
	}
	return lease.Begin(ctx, s.Attempts, c, process)
}

// count counts an attempt that is over.
func (s *slot) count(ctx context.Context, attempt Attempt) {
	s.Meter.Ended(attempt.Outcome())
	s.judge(ctx, attempt.Account())
	if s.EMF != nil {
		s.EMF.Ended(ctx, attempt.Account())
	}
}

func (s *slot) drain(attempt Attempt, cause *drain.Cause) {
	attempt.Drain(string(cause.Source), cause.Budget(s.Attempts.Timing.DrainBudget))
}
