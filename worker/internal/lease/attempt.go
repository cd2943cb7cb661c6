package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// Never is a moment on the monotonic clock that does not come.
const Never = time.Duration(math.MaxInt64)

// Slot is the process that runs the job.
type Slot interface {
	Send(protocol.Order) error
	Kill() // the process with everything it started
}

// Deps is what every attempt of a worker shares.
type Deps struct {
	Store  Store
	Blobs  Blobs // nil: cursors of any length stand in the item
	Bells  Bells
	Clock  Clock
	Rand   *rand.Rand
	Timing contract.Timing
	Log    *slog.Logger
	Retry  contract.Retry
	Tally  *Tally // nil: nobody watches
}

// Attempt is one holder's work on one job, from the claim to the handback or the end. Its methods are
// called one at a time: Report and Ended as the slot speaks, Tick no later than Next, Drain once.
type Attempt struct {
	Deps
	log   *slog.Logger
	slot  Slot
	claim job.Claim
	job   job.Job // as last acknowledged by the table

	beganAt    time.Duration
	doneBefore int64
	// cursorBefore is the digest of the cursor with which the attempt began.
	cursorBefore string
	deadline     time.Duration // of the lease
	heartbeatAt  time.Duration // stamp of the last acknowledged heartbeat
	savedAt      time.Duration // stamp of the last acknowledged checkpoint
	heardAt      time.Duration // when the slot last reported anything
	retryAt      time.Duration // no call before this: the last one failed
	pendingAt    time.Duration // when the slot reported the newest cursor
	durableAt    time.Duration // when it reported the one that is saved; the beginning, before any is
	seq          int64         // of the last checkpoint tried
	pending      *protocol.Checkpoint
	progress     *protocol.Progress // newer than any checkpoint
	pace         pace
	stop         *stop
	begun        bool   // the slot has reported anything about the job: it has it
	fault        string // the instance's, for which the slot did not begin the job; "": there was none
	stalled      bool   // the slot was killed because it said nothing
	hasFailed    bool   // counted as a failure of the job
	over         bool
	usable       bool
	outcome      Outcome
}

// stop is a request to end the attempt at the next step boundary.
type stop struct {
	why    why
	killAt time.Duration
	killed bool
}

type why string

const (
	drained   why = "drained"
	paused    why = "paused"
	cancelled why = "cancelled"
)

// Begin hands a claimed job to a slot. One whose payload or cursor cannot be read is handed back; the
// attempt is over then.
func Begin(ctx context.Context, deps Deps, c Claimed, s Slot) *Attempt {
	now := deps.Clock.Monotonic()
	a := &Attempt{
		Deps: deps, slot: s, claim: c.Job.Claim(), job: c.Job, deadline: c.Deadline,
		heartbeatAt: c.Deadline - deps.Timing.Lease, beganAt: now, savedAt: now, durableAt: now, heardAt: now, seq: c.Job.Seq, doneBefore: c.Job.Done, cursorBefore: c.Job.CursorDigest(),
		log: deps.Log.With("job", c.Job.Key.String(), "epoch", c.Job.Epoch),
	}
	if a.Tally == nil {
		a.Tally = &Tally{}
	}
	a.pace.observe(now, c.Job.Done)
	a.log.Info("job claimed", "seq", c.Job.Seq, "done", c.Job.Done, "total", c.Job.Total, "unit", c.Job.Unit,
		"drains", c.Job.Drains, "crashes", c.Job.Crashes, "failures", c.Job.Failures)
	payload, cursor, err := a.load(ctx)
	if err != nil {
		a.usable = true // the slot has not seen the job
		a.unreadable(ctx, err)
		return a
	}
	err = a.slot.Send(protocol.Order{Run: &protocol.Assignment{
		ID: c.Job.ID, ContentType: c.Job.ContentType, Tenant: c.Job.Tenant, Epoch: c.Job.Epoch, Payload: payload,
		Cursor: cursor, CursorVersion: c.Job.CursorVersion,
		Progress: protocol.Progress{Done: c.Job.Done, Total: c.Job.Total, Unit: c.Job.Unit}, Deadline: c.Deadline, KnowsSick: true,
	}})
	if errors.Is(err, protocol.ErrUnencodable) {
		a.usable = true // the slot has not seen the job
		a.conclude(ctx, protocol.Outcome{Kind: protocol.Permanent, Error: "the job cannot be given to a slot: " + err.Error()})
		return a
	}
	a.taken(err)
	return a
}

// Over reports whether the attempt has ended.
func (a *Attempt) Over() bool { return a.over }

// SlotUsable reports whether the slot answered with an outcome and was not killed.
func (a *Attempt) SlotUsable() bool { return a.usable }

// Outcome is how the attempt ended.
func (a *Attempt) Outcome() Outcome { return a.outcome }

// Key of the job.
func (a *Attempt) Key() job.Key { return a.claim.Key }

// Progress of the job, as newly as the slot told it.
func (a *Attempt) Progress() protocol.Progress {
	if a.progress != nil {
		return *a.progress
	}
	return protocol.Progress{Done: a.job.Done, Total: a.job.Total, Unit: a.job.Unit}
}

// Next is when Tick wants to be called at the latest, on the monotonic clock.
func (a *Attempt) Next() time.Duration {
	if a.over {
		return Never
	}
	next := a.heartbeatAt + a.Timing.Heartbeat
	if a.pending != nil {
		next = min(next, a.savedAt+a.Timing.Checkpoint)
	}
	next = min(max(next, a.retryAt), a.deadline)
	switch {
	case a.stop != nil && !a.stop.killed:
		next = min(next, a.stop.killAt)
	case a.stop == nil && !a.stalled:
		next = min(next, a.heardAt+a.Timing.Stall)
	}
	return next
}

// Tick does what is due: renews the lease, saves the cursor, kills a slot that outlived its drain budget
// or its lease, or that has long said nothing. It does nothing when called early.
func (a *Attempt) Tick(ctx context.Context) {
	now := a.Clock.Monotonic()
	switch {
	case a.over:
	case now >= a.deadline:
		a.lose(Expired, "the lease ran out before it could be renewed", "late_ms", (now - a.deadline).Milliseconds())
	case now >= a.Next():
		if a.stop != nil && !a.stop.killed && now >= a.stop.killAt {
			a.log.Warn("step outlived the drain budget: slot killed")
			a.stop.killed = true
			a.slot.Kill()
			return
		}
		if a.stop == nil && !a.stalled && now >= a.heardAt+a.Timing.Stall {
			a.log.Warn("neither progress nor a checkpoint: slot killed", "silent_ms", (now - a.heardAt).Milliseconds())
			a.stalled = true
			a.slot.Kill()
			return
		}
		a.renew(ctx)
	}
}

// renew sends a heartbeat, and saves the newest cursor with the same write.
func (a *Attempt) renew(ctx context.Context) {
	cp, err := a.checkpoint(ctx)
	if err != nil { // the heartbeat goes on without it
		a.log.Warn("checkpoint not written, trying again", "error", err.Error())
		a.Tally.FailedCheckpoints.Add(1)
		a.savedAt = a.Clock.Monotonic()
	}
	sent, reportedAt, replaced := a.pending, a.pendingAt, a.job.CursorRef
	stamp := a.Clock.Monotonic()
	a.pace.observe(stamp, a.Progress().Done)
	w := job.Heartbeat(a.claim, a.Clock.Now())
	if cp != nil {
		cp.Pace = a.pace.estimate()
		w = job.SaveCheckpoint(a.claim, *cp, a.Clock.Now())
	} else if a.progress != nil {
		w = job.HeartbeatProgress(a.claim, job.Position(*a.progress), a.pace.estimate(), a.Clock.Now())
	}
	item, err := a.write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok {
		if cp == nil || !a.saved(refused.Current, cp.Seq) {
			a.lose(Refused, "the job was taken over", "refused", refused.Error())
			return
		}
		item, err = refused.Current, nil // applied before, its answer was lost
	}
	if err != nil {
		a.Tally.FailedHeartbeats.Add(1)
		a.log.Warn("lease not renewed, trying again", "error", err.Error(), "left_ms", (a.deadline - a.Clock.Monotonic()).Milliseconds())
		a.retryAt = a.Clock.Monotonic() + pause(a.Rand, 0, a.Timing.Heartbeat/2)
		return
	}
	if a.Clock.Monotonic() >= a.deadline { // the slot may have ended itself already
		a.lose(Expired, "the answer to a heartbeat came after the lease had run out")
		return
	}
	a.Tally.Heartbeats.Add(1)
	a.acknowledged(item, stamp)
	if cp != nil {
		a.savedAt = stamp
		a.durable(reportedAt)
		if a.pending == sent {
			a.pending = nil
		}
		a.drop(ctx, replaced)
		a.log.Debug("checkpoint saved", "seq", cp.Seq, "done", cp.Done, "total", cp.Total, "unit", cp.Unit)
	}
}

// acknowledged takes what the table answered to a heartbeat: the lease runs from before the first try.
func (a *Attempt) acknowledged(item job.Item, stamp time.Duration) {
	a.heartbeatAt, a.deadline, a.retryAt = stamp, stamp+a.Timing.Lease, 0
	a.send(protocol.Order{Deadline: &protocol.Deadline{At: a.deadline}})
	current, err := job.FromItem(item)
	if err != nil {
		a.log.Error("job item cannot be read", "error", err.Error())
		return
	}
	a.job = current
	switch {
	case current.CancelRequested:
		a.ask(cancelled, a.Timing.DrainBudget)
	case current.Paused:
		a.ask(paused, a.Timing.DrainBudget)
	}
}

// Drain asks the slot to stop at its next step boundary within budget, because of cause.
func (a *Attempt) Drain(cause string, budget time.Duration) {
	if !a.over {
		a.log.Info("draining job", "cause", cause, "budget_ms", budget.Milliseconds())
		a.ask(drained, budget)
	}
}

func (a *Attempt) ask(reason why, budget time.Duration) {
	killAt := a.Clock.Monotonic() + budget
	if a.stop != nil {
		a.stop.killAt = min(a.stop.killAt, killAt) // what is more urgent hurries it; the first reason stays
		return
	}
	a.stop = &stop{why: reason, killAt: killAt}
	a.send(protocol.Order{Drain: &protocol.Drain{Cause: string(reason), At: killAt}})
}

// Report takes one line from the slot.
func (a *Attempt) Report(ctx context.Context, r protocol.Report) {
	a.heardAt = a.Clock.Monotonic()
	a.begun = true
	switch {
	case a.over:
	case r.Checkpoint != nil:
		a.pending, a.pendingAt = r.Checkpoint, a.heardAt
		a.progress = &r.Checkpoint.Progress
		a.Tick(ctx)
	case r.Progress != nil && *r.Progress != a.Progress():
		a.progress = r.Progress
	case r.Outcome != nil:
		a.usable = true
		if r.Outcome.Checkpoint != nil {
			a.pending, a.pendingAt = r.Outcome.Checkpoint, a.heardAt
		}
		a.conclude(ctx, *r.Outcome)
	}
}

// Ended takes the end of the slot's process before it had an outcome.
func (a *Attempt) Ended(ctx context.Context, err error) {
	if a.over {
		return
	}
	if a.Clock.Monotonic() >= a.deadline {
		a.lose(Expired, "the lease ran out and the slot ended itself")
		return
	}
	if !a.begun { // no fault of the job
		text := "the slot ended before it had the job"
		if err != nil {
			text += ": " + err.Error()
		}
		a.conclude(ctx, protocol.Outcome{Kind: protocol.Sick, Error: text})
		return
	}
	text := "the slot exited with status 0 before it reported how the job ended"
	switch {
	case a.stalled:
		text = fmt.Sprintf("neither progress nor a checkpoint for %s (job.stall): the slot was killed", a.Timing.Stall)
	case err != nil:
		text = err.Error()
	}
	a.conclude(ctx, protocol.Outcome{Kind: protocol.Retry, Error: text})
}

// send hands an order to the slot.
func (a *Attempt) send(o protocol.Order) { a.taken(a.slot.Send(o)) }

// taken sees to a slot that could not take an order. It is dead or deaf, and its end is reported.
func (a *Attempt) taken(err error) {
	if err != nil {
		a.log.Warn("slot takes no orders: killed", "error", err.Error())
		a.slot.Kill()
	}
}

// lose ends the attempt without a word to the table: somebody else may hold the job by now.
func (a *Attempt) lose(o Outcome, reason string, args ...any) {
	a.over, a.usable, a.outcome = true, false, o
	a.slot.Kill()
	a.log.Warn("lease lost, slot killed, nothing more is written for this job", append([]any{"reason", reason}, args...)...)
}
