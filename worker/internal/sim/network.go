package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

var (
	errOutage  = errors.New("the endpoint is away")
	errTimeout = errors.New("no answer within the time of all tries")
)

// sdkLimit is how long a call without a deadline is tried.
const sdkLimit = 15 * time.Second

// caller is who calls an endpoint: a process of a machine, with what it works on.
type caller struct {
	world  *world
	clock  *clock
	node   *node      // nil: an operator
	errand errand     // of the node
	holder *holder    // the attempt that calls; nil: none
	late   *lateClock // for a negative control
}

// network is how likely what happens to a call; the faults of one side, table or queue.
type network struct {
	fail    float64 // refused before anything is done: throttling, an outage of seconds
	lose    float64 // done, but the answer does not come
	drop    float64 // never done, and no answer
	retry   float64 // done, its answer lost, and done again by the SDK
	ghost   float64 // the SDK's first try hangs in the network and arrives minutes after its second
	delay   float64 // done minutes after the caller gave up
	hang    float64 // the same for reaps and rings
	slow    float64 // done, but the answer takes minutes
	latency time.Duration
	down    bool // an outage of the whole endpoint
}

// to is the network on the way of one operation: what a sweeper decides hangs most often, and a pause of the
// content type, as a late one is what their conditions are for.
func (n network) to(what string) network {
	if what == "reap" || what == "ring" || what == "pause type" {
		n.delay = n.hang
	}
	return n
}

// call lets the network carry do to its endpoint and the answer back, or what the faults make of that.
func call[T any](c *caller, ctx context.Context, n *network, what string, do func() (T, error)) (T, error) {
	var none T
	c.world.calls[what]++
	c.world.current.last = c.errand
	if c.late != nil {
		c.late.depart()
	}
	began := c.clock.Monotonic()
	if c.holder != nil {
		c.holder.calling = began
		defer func() { c.holder.calling = 0 }()
	}
	froze := c.point(what)
	// A process that was frozen between its last check and its write may still write.
	if err := ctx.Err(); err != nil && (!froze || c.world.chance(0.5)) {
		if c.late != nil {
			c.late.arrive(false)
		}
		c.uncut(what, err)
		return none, err
	}
	a := &answer[T]{}
	transmit(c, n.to(what), a, do)
	err := a.await(c, ctx)
	if err == nil {
		c.point("answer to " + what)
	}
	if c.late != nil {
		c.late.arrive(err == nil)
	}
	if c.holder != nil && (err != nil || c.holder.waits()) {
		c.holder.troubled = true
	}
	if err != nil {
		c.world.note("%s: %s: %v", c.name(), what, err)
		c.uncut(what, err)
		return none, err
	}
	return a.value, a.err
}

// uncut checks D1: a drain cuts no call that claims a job or works on one, nor the deletion of a message that did its work.
func (c *caller) uncut(what string, err error) {
	if cause, cut := errors.AsType[*drain.Cause](err); cut && (c.errand == takes || c.errand == works) {
		c.world.violate("D1", "%s: %s was cut by the drain: %s", c.name(), what, cause)
	}
}

// answer to a call on its way.
type answer[T any] struct {
	there  signal
	came   bool
	failed error // instead of an answer
	value  T
	err    error
}

func (a *answer[T]) await(c *caller, ctx context.Context) error {
	limit := min(deadlineOf(ctx), c.clock.Monotonic()+sdkLimit)
	if c.late != nil {
		limit = c.clock.Monotonic() + 10*time.Minute
	}
	for !a.came {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.clock.Monotonic() >= limit {
			return errTimeout
		}
		c.world.wait(c.clock.when(limit), &a.there, cancelOf(ctx))
	}
	return a.failed
}

// transmit draws what happens to one call and schedules it.
func transmit[T any](c *caller, n network, a *answer[T], do func() (T, error)) {
	w := c.world
	there, back := w.between(n.latency/4, n.latency), w.between(n.latency/4, n.latency)
	reply := func(value T, err error) { a.value, a.err, a.came = value, err, true; a.there.fire() }
	once := func() { _, _ = do() }
	draw := 1.0
	if !w.calm {
		draw = w.random.Float64()
	}
	fault := func(p float64) bool { draw -= p; return draw < 0 }
	minutes := func() time.Duration { return w.between(20*time.Second, 6*time.Minute) }
	switch {
	case n.down || c.node != nil && c.node.cutOff || fault(n.fail):
		w.after(there+back, func() { a.failed, a.came = errOutage, true; a.there.fire() })
	case fault(n.drop):
	case fault(n.lose):
		w.after(there, once)
	case fault(n.delay):
		w.after(minutes(), once)
	case fault(n.slow):
		w.after(there, func() { v, err := do(); w.after(minutes(), func() { reply(v, err) }) })
	case fault(n.retry):
		w.after(there, once)
		again := there + w.between(time.Second, 5*time.Second)
		w.after(again, func() { v, err := do(); w.after(back, func() { reply(v, err) }) })
	case fault(n.ghost):
		w.after(minutes(), once)
		again := there + w.between(time.Second, 5*time.Second)
		w.after(again, func() { v, err := do(); w.after(back, func() { reply(v, err) }) })
	default:
		w.after(there, func() { v, err := do(); w.after(back, func() { reply(v, err) }) })
	}
}

func (c *caller) name() string {
	if c.node == nil {
		return "operator"
	}
	return c.node.name
}

// point is a moment at which the caller's machine may crash or freeze; true: it was frozen.
func (c *caller) point(what string) bool {
	if c.node == nil {
		return false
	}
	return c.node.point(c.world.current.process, what)
}

func (w *world) note(format string, args ...any) {
	w.trace.add(w.now, fmt.Sprintf(format, args...))
}
