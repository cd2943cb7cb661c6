package sim

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// What stands between a node's loops and the core: the core as it is, watched, and bent by a negative control.

// receiver is the queue, as the receiving loop polls it.
type receiver struct{ queueClient }

// Receive checks W1, nothing is received while the content type is paused as far as the worker knows, and W2, nothing is
// received while table or bucket is away.
func (r receiver) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error) {
	n, w := r.node, r.world
	switch {
	case n.told == nil:
		w.violate("W1", "%s receives before it knows whether the content type is paused", n.name)
	case *n.told:
		w.violate("W1", "%s receives although the content type is paused", n.name)
	case n.away:
		w.violate("W2", "%s receives although table or bucket did not answer and was not asked again", n.name)
	}
	n.takesNone()
	n.careful(most)
	messages, err := r.queueClient.Receive(ctx, most, wait)
	if err != nil && n.steps.Err() == nil && !n.paces[receives].keeps(n.Monotonic(), 40) {
		w.violate("P4", "%s: more than 40 receives failed within a minute", n.name)
	}
	return messages, err
}

// intake is the core's.
type intake struct {
	*lease.Intake
	node *node
	late *lateClock
}

// Take tells the oracle of each claim. It checks D2, no claim begins during a drain.
func (in intake) Take(ctx context.Context, messages []queue.Message, start func(lease.Claimed)) error {
	n, w := in.node, in.node.world
	if n.steps.Err() != nil {
		w.violate("D2", "%s drains and claims the jobs of %d messages", n.name, len(messages))
	}
	if w.control == CutClaims {
		ctx = n.steps
	}
	err := in.Intake.Take(ctx, messages, func(c lease.Claimed) {
		if in.late != nil {
			c.Deadline += in.late.lost
		}
		w.oracle.begin(n, c)
		n.care.held++
		start(c)
	})
	if n.away = err != nil; w.control == AwayReceives {
		return nil
	}
	return err
}

// DeleteUsed is the core's.
func (in intake) DeleteUsed(ctx context.Context) {
	if in.node.world.control == CutDeletes {
		ctx = in.node.steps
	}
	in.Intake.DeleteUsed(ctx)
}

// Return is the core's.
func (in intake) Return(ctx context.Context, messages []queue.Message) {
	if in.node.world.control == LateClaims {
		_ = in.Take(ctx, messages, func(lease.Claimed) {})
		return
	}
	in.Intake.Return(ctx, messages)
}

// sweeper is the core's.
type sweeper struct {
	*sweep.Sweeper
	node *node
}

// Once checks P1, the pace of sweeps: a pause of at least an eighth of the interval, but for jobs that are ripe.
func (s sweeper) Once(ctx context.Context) (sweep.Result, error) {
	n, w := s.node, s.node.world
	if most := 20*int(time.Minute/w.setup.Sweep) + 40; !n.paces[sweeps].keeps(n.Monotonic(), most) {
		w.violate("P1", "%s swept more than %d times within a minute", n.name, most)
	}
	result, err := s.Sweeper.Once(ctx)
	n.leads = err == nil && result.Led
	if err == nil || result.Led {
		n.told = new(result.Paused)
	}
	if w.control == PausedReceives {
		result.Paused = false
	}
	return result, err
}

// probe asks table and bucket, as far as the release knows it. It checks P3, the pace of probes.
func (n *node) probe(ctx context.Context) error {
	c := n.caller(probes)
	if !n.paces[probes].keeps(n.Monotonic(), 40) {
		n.world.violate("P3", "%s probed table and bucket more than 40 times within a minute", n.name)
	}
	_, err := tableClient{c}.Get(ctx, sweep.ControlKey(contentType))
	if err == nil && n.release == newer {
		err = blobClient{c}.answers(ctx)
	}
	n.away = n.away && err != nil
	return err
}

// attempt is the core's, on the job of a holder.
type attempt struct {
	*lease.Attempt
	holder *holder
	slot   *slotProcess // nil: the slot is gone
	late   *lateClock
	drains int // that were asked for
}

var _ loop.Attempt = (*attempt)(nil)

// begin begins an attempt.
func (n *node) begin(ctx context.Context, claimed lease.Claimed, s lease.Slot) loop.Attempt {
	a := &attempt{holder: n.world.oracle.holders[claimed.Job.Owner]}
	c := n.caller(works)
	c.holder = a.holder
	clock := lease.Clock(n.clock)
	if n.world.control == LateStamp {
		c.late = &lateClock{clock: n.clock}
		a.late, clock = c.late, c.late
	}
	if p, ok := s.(*slotProcess); ok {
		a.slot = p
		p.holder, p.late = a.holder, c.late
	}
	a.Attempt = lease.Begin(ctx, n.deps(c, clock), claimed, s)
	return a
}

// Next is the core's.
func (a *attempt) Next() time.Duration {
	next := a.Attempt.Next()
	if n := a.holder.node; a.drains > 0 && a.slot != nil && n.world.control == DeafHeartbeats && n.Monotonic() < a.slot.killAt {
		next = a.slot.killAt
	}
	if a.late != nil && next != lease.Never {
		next += a.late.lost
	}
	return next
}

// Drain is the core's.
func (a *attempt) Drain(cause string, budget time.Duration) {
	if a.drains++; a.drains == 1 || a.holder.node.world.control != Unhurried {
		a.Attempt.Drain(cause, budget)
	}
}

// Over is the core's.
func (a *attempt) Over() bool {
	a.holder.over = a.Attempt.Over()
	return a.holder.over
}

// Account is the core's.
func (a *attempt) Account() lease.Account {
	account := a.Attempt.Account()
	if a.holder.node.world.control == Careless {
		account.Failed = false
	}
	return account
}

// Outcome is asked for once, at the end.
func (a *attempt) Outcome() lease.Outcome {
	a.Over()
	if a.slot != nil {
		a.slot.holder = nil
	}
	outcome := a.Attempt.Outcome()
	a.holder.node.care.ended(a.holder.node, a.Attempt.Account())
	oracle, known := a.holder.node.world.oracle, a.Account().Job
	oracle.rungBy(a.holder, outcome, known)
	oracle.tidied(a.holder, outcome, known)
	return outcome
}
