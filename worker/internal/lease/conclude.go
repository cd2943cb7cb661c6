package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

const (
	// leastReturn keeps a job that is handed back for nobody's fault from coming straight back: a processor may name a time
	// that is past, again and again.
	leastReturn = 15 * time.Second
	// longestReturn bounds the time that a processor names: what waits for a month's quota comes back, and a time in the wrong
	// unit does not keep the job away for good. A processor may name the same time again.
	longestReturn = 31 * 24 * time.Hour
	// maxReturns are the hand-backs for nobody's fault in a row, without a newer cursor, that make a job DEAD: four hours at
	// the least pause.
	maxReturns = 1000
	// unfitDelay keeps a job that this release cannot read from coming straight back.
	unfitDelay = 30 * time.Second
	// quickReturns are hand-backs in a row with the least pause. A sick instance pauses longer after its second.
	quickReturns = 4
)

// sickPauses are those of a job that its instance could not begin, after quickReturns of them. The first are short:
// another instance can. They grow in case that it is the job with which no instance gets on.
var sickPauses = backoff.Pauses{First: leastReturn, Most: 15 * time.Minute, Least: leastReturn}

// conclude writes how the attempt ended. What ends a slot that was asked to stop is never a failure.
func (a *Attempt) conclude(ctx context.Context, o protocol.Outcome) {
	if a.stop != nil && (o.Kind == protocol.Retry || o.Kind == protocol.Later || o.Kind == protocol.Stopped || o.Kind == protocol.Sick) {
		a.stopped(ctx, o)
		return
	}
	switch o.Kind {
	case protocol.Done:
		a.finish(ctx, job.End{State: job.Done})
	case protocol.Permanent:
		a.finish(ctx, job.End{State: job.Dead, Reason: o.Error})
	case protocol.Later:
		a.comeBack(ctx, job.Return{NotBefore: a.bounded(o.At), Error: o.Error}, leastReturn)
	case protocol.Unfit:
		a.comeBack(ctx, job.Return{Error: o.Error}, unfitDelay)
	case protocol.Sick:
		a.fault, a.usable = o.Error, false // whatever the slot lacks, the next one may have
		a.comeBack(ctx, job.Return{Error: "not begun, the instance's fault: " + o.Error}, sickPauses.After(max(0, a.returns()-quickReturns+1), a.Rand))
	case protocol.Retry:
		a.failed(ctx, o.Error)
	default: // stopped without being asked
		a.comeBack(ctx, job.Return{Error: o.Error}, leastReturn)
	}
}

// comeBack hands the job back for nobody's fault: there is a pause, and a count that ends it.
func (a *Attempt) comeBack(ctx context.Context, r job.Return, least time.Duration) {
	r.Returns = a.returns() + 1
	if r.Returns >= maxReturns {
		a.finish(ctx, job.End{State: job.Dead, Reason: fmt.Sprintf("handed back %d times in a row without a newer cursor, the last time because: %s", r.Returns, cmp.Or(r.Error, "it was to go on later"))})
		return
	}
	a.handBack(ctx, r, least)
}

// bounded is the time that a processor named, or the latest at which its job comes back.
func (a *Attempt) bounded(at time.Time) time.Time {
	latest := a.Clock.Now().Add(longestReturn)
	if at.After(latest) {
		a.log.Warn("the processor named a time that is too far ahead: the job comes back before", "named", at.UTC().Format(time.RFC3339), "at", latest.UTC().Format(time.RFC3339))
		return latest
	}
	return at
}

// returns are the hand-backs for nobody's fault before this attempt; none if the attempt has a newer cursor.
func (a *Attempt) returns() int64 {
	now := a.job
	if a.pending != nil {
		now.Cursor, now.CursorRef = string(a.pending.Cursor), ""
	}
	if now.CursorDigest() != a.cursorBefore {
		return 0
	}
	return a.job.Returns
}

// failed counts a failure of the job. It is tried again after a pause, unless this was its last failure.
func (a *Attempt) failed(ctx context.Context, reason string) {
	a.hasFailed = true
	limit := int64(a.Retry.FailureLimit)
	if a.job.Failures+1 >= limit {
		a.finish(ctx, job.End{State: job.Dead, FailureLimit: limit, Reason: reason})
		return
	}
	shortest, longest := a.Retry.Pause(a.job.Failures)
	a.handBack(ctx, job.Return{FailureLimit: limit, Returns: a.returns(), Error: reason}, backoff.Between(shortest, longest, a.Rand))
}

func (a *Attempt) stopped(ctx context.Context, o protocol.Outcome) {
	if o.Error != "" {
		a.log.Info("slot stopped with an error", "error", o.Error)
	}
	switch a.stop.why {
	case cancelled:
		a.finish(ctx, job.End{State: job.Cancelled})
	case paused:
		a.handBack(ctx, job.Return{Returns: a.returns()}, 0)
	default:
		r := job.Return{Drained: true, Returns: a.returns()}
		if o.Kind == protocol.Later {
			r.NotBefore = a.bounded(o.At)
		}
		a.handBack(ctx, r, 0)
	}
}

// handBack makes the job READY again, to be claimed after wait at the soonest.
func (a *Attempt) handBack(ctx context.Context, r job.Return, wait time.Duration) {
	var err error
	if r.Checkpoint, err = a.lastCheckpoint(ctx); err != nil {
		a.log.Warn("last checkpoint not written: the job goes on from the one before", "error", err.Error())
	}
	var bellDelay time.Duration
	refusal, err := a.settle(ctx, func(now time.Time) job.Write {
		if soonest := now.Add(wait); wait > 0 && r.NotBefore.Before(soonest) {
			r.NotBefore = soonest
		}
		bellDelay = max(0, r.NotBefore.Sub(now))
		r.BellAt = now.Add(bellDelay)
		if bellDelay > queue.MaxDelay { // the sweeper rings at the very time
			r.BellAt = r.NotBefore.Add(-job.RingDelay(0))
		}
		return job.HandBack(a.claim, r, now)
	})
	if err != nil {
		return
	}
	if refusal == nil && r.Checkpoint != nil {
		a.durable(a.pendingAt)
		a.drop(ctx, a.job.CursorRef)
	}
	if refusal != nil && a.mine(refusal.Current) {
		a.finish(ctx, job.End{State: job.Cancelled}) // cancelled meanwhile
		return
	}
	a.end(a.returned(r, refusal), "job handed back", "drained", r.Drained, "failed", r.FailureLimit > 0, "reason", r.Error, "bell_in_ms", bellDelay.Milliseconds(), "applied", refusal == nil)
	if a.job.Paused || bellDelay > queue.MaxDelay {
		return
	}
	// Also after a refusal: our own first try may have been applied and its answer lost.
	bell := job.Bell{ID: a.claim.ID, Epoch: a.claim.Epoch + 1}
	if err := a.Bells.Send(ctx, bell.JSON(), bellDelay); err != nil {
		a.log.Warn("bell not sent; the sweeper rings it later", "error", err.Error())
	}
}

func (a *Attempt) finish(ctx context.Context, e job.End) {
	cp, err := a.lastCheckpoint(ctx)
	if err != nil && e.State == job.Done { // its cursor is what came out of it
		a.pending = nil
		a.comeBack(ctx, job.Return{Error: "done, but its last cursor could not be written: " + err.Error()}, unreadableDelay)
		return
	}
	e.Checkpoint = cp
	refusal, err := a.settle(ctx, func(now time.Time) job.Write { return job.Finish(a.claim, e, now) })
	if err == nil {
		outcome := Refused
		if refusal == nil {
			outcome = Ending(e.State)
			if cp != nil {
				a.durable(a.pendingAt)
			}
		}
		a.end(outcome, "job ended", "state", e.State, "reason", e.Reason, "applied", refusal == nil)
		if refusal == nil || a.ended(refusal.Current, e.State) {
			a.tidy(ctx, e.State, cp)
		}
	}
}

// ended reports whether the item has the end that this attempt wrote: the answer to a first try may have been lost.
func (a *Attempt) ended(item job.Item, state job.State) bool {
	return item[contract.AttrState] == string(state) && item[contract.AttrEpoch] == a.claim.Epoch+1
}

// returned is the outcome of an attempt that hands its job back.
func (a *Attempt) returned(r job.Return, refusal *job.RefusedError) Outcome {
	switch {
	case refusal != nil:
		return Refused
	case r.Drained:
		return Drained
	case r.FailureLimit > 0:
		return Failed
	case a.stop != nil && a.stop.why == paused:
		return Paused
	}
	return Returned
}

func (a *Attempt) end(o Outcome, message string, args ...any) {
	a.over, a.outcome = true, o
	a.log.Info(message, args...)
}

// settle does a last write until it is known to be applied or refused, or the lease has run out; then
// it is left to the sweeper, and the error says so.
func (a *Attempt) settle(ctx context.Context, build func(now time.Time) job.Write) (*job.RefusedError, error) {
	for n := int64(0); ; n++ {
		now := a.Clock.Monotonic()
		if now >= a.deadline {
			a.lose(Expired, "the lease ran out before the end could be written")
			return nil, context.DeadlineExceeded
		}
		w := build(a.Clock.Now())
		w.Unread = true
		_, err := a.write(ctx, w)
		if refused, ok := errors.AsType[*job.RefusedError](err); ok || err == nil {
			return refused, nil
		}
		a.log.Warn("end not written, trying again", "error", err.Error())
		wait := min(pause(a.Rand, n, a.Timing.Lease/50), a.Timing.Heartbeat, a.deadline-a.Clock.Monotonic())
		if err := a.Clock.Sleep(ctx, max(0, wait)); err != nil {
			a.lose(Expired, "told to exit before the end could be written")
			return nil, err
		}
	}
}

// write does one call to the table; a refusal always carries the item as it is.
func (a *Attempt) write(ctx context.Context, w job.Write) (job.Item, error) {
	call, cancel := a.Clock.WithTimeout(ctx, min(callLimit(a.Timing), a.deadline-a.Clock.Monotonic()))
	defer cancel()
	item, err := a.Store.Write(call, w)
	refused, ok := errors.AsType[*job.RefusedError](err)
	if ok && refused.Current == nil { // some endpoints leave the item out
		current, readErr := a.Store.Get(call, w.Key)
		if readErr != nil {
			return nil, readErr
		}
		refused.Current = current
	}
	return item, err
}

func (a *Attempt) mine(item job.Item) bool {
	return item[contract.AttrState] == string(job.Running) && item[contract.AttrEpoch] == a.claim.Epoch && item[contract.AttrOwner] == a.claim.Owner
}

// saved reports whether the checkpoint numbered seq is in the item and the job still ours.
func (a *Attempt) saved(item job.Item, seq int64) bool {
	at, _ := item[contract.AttrSeq].(int64)
	return a.mine(item) && at >= seq
}
