package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/loop"
)

// A node is the host of its worker's loops.
var _ loop.Host = (*node)(nil)

// Task returns a place to wait.
func (n *node) Task() loop.Task { return &waiting{node: n} }

// waiting is where a loop waits.
type waiting struct {
	node   *node
	woken  bool
	wakeUp signal
	diedAt time.Duration // on the node's monotonic clock: when the slot of this loop ended idle, by itself; 0: it did not
}

// Wait gives way until the loop is woken.
func (t *waiting) Wait(ctx context.Context, until time.Duration) {
	for !t.woken && ctx.Err() == nil && t.node.Monotonic() < until {
		t.node.world.wait(t.node.when(until), &t.wakeUp, cancelOf(ctx))
	}
	t.woken = false
}

// Wake wakes the loop.
func (t *waiting) Wake() {
	t.woken = true
	t.wakeUp.fire()
}

// Together runs bodies as tasks of the supervisor.
func (n *node) Together(bodies ...func()) {
	var over signal
	left := len(bodies)
	for _, body := range bodies {
		n.supervisor.spawn(func() { body(); left--; over.fire() })
	}
	for left > 0 {
		n.world.wait(never, &over)
	}
}

// Start starts a slot, which now and then fails.
func (n *node) Start(t loop.Task) (loop.Process, error) {
	w, waits := n.world, t.(*waiting)
	w.current.last = starts
	if waits.diedAt > 0 && n.Monotonic()-waits.diedAt < time.Second*9/10 {
		w.violate("P2", "%s: a slot that had ended idle is started again after %s", n.name, n.Monotonic()-waits.diedAt)
	}
	waits.diedAt = 0
	if !w.calm && w.chance(0.01) || n.sick() == startless && w.control != BlindTests {
		w.current.last = tests
		n.learns()
		if !n.paces[tests].keeps(n.Monotonic(), 40) {
			w.violate("P5", "%s: more than 40 starts of slots failed within a minute", n.name)
		}
		return nil, errors.New("resource temporarily unavailable")
	}
	n.slots = slices.DeleteFunc(n.slots, func(p *slotProcess) bool { return p.dead })
	p := newSlotProcess(n, waits)
	n.slots = append(n.slots, p)
	return p, nil
}

// loopClock is the clock of a node's loops. Under a negative control, a loop does not pause after what it is for.
type loopClock struct {
	*clock
	hot errand
}

// Sleep is the clock's, or next to nothing.
func (c loopClock) Sleep(ctx context.Context, d time.Duration) error {
	if c.hot != "" && c.world.current.last == c.hot {
		d = min(d, time.Millisecond)
	}
	return c.clock.Sleep(ctx, d)
}

// errand is what a task of a supervisor did last, or calls an endpoint for.
type errand string

const (
	receives errand = "receives"
	takes    errand = "takes"
	works    errand = "works"
	sweeps   errand = "sweeps"
	probes   errand = "probes"
	starts   errand = "starts"
	tests    errand = "tests" // of a slot that did not start
)

// pace is when a node last did something, as often as it may in a minute.
type pace []time.Duration

// keeps takes note of one time more, and reports whether there were at most so many within a minute.
func (p *pace) keeps(now time.Duration, most int) bool {
	*p = append(*p, now)
	if len(*p) <= most {
		return true
	}
	first := (*p)[0]
	*p = (*p)[1:]
	return now-first >= time.Minute
}
