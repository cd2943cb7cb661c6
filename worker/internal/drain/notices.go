package drain

import (
	"context"
	"sync"
	"sync/atomic"
)

// Notices takes what asks a worker to drain, from any goroutine and in any order. The first notice begins
// the drain and stays its cause. Those that come during it cannot begin another; each has one effect of
// its own, for which it has a channel.
type Notices struct {
	begin                        context.CancelCauseFunc
	first                        atomic.Pointer[Cause]
	hurried, leaving, stopped    chan struct{}
	onSpot, onLeaving, onStopped sync.Once
}

// NewNotices returns a context that is cancelled, with the cause, by the first notice.
func NewNotices(parent context.Context) (context.Context, *Notices) {
	ctx, begin := context.WithCancelCause(parent)
	return ctx, &Notices{begin: begin, hurried: make(chan struct{}), leaving: make(chan struct{}), stopped: make(chan struct{})}
}

// Take takes a notice; one of a source that has given notice already does nothing.
func (n *Notices) Take(c *Cause) {
	first := n.first.CompareAndSwap(nil, c)
	if first {
		n.begin(c)
	}
	switch {
	case c.Source == Spot && !first:
		n.onSpot.Do(func() { close(n.hurried) })
	case c.Source == Lifecycle:
		n.onLeaving.Do(func() { close(n.leaving) })
	case c.Source == Signal:
		n.onStopped.Do(func() { close(n.stopped) })
	}
}

// Cause is that of the drain; nil: none has begun.
func (n *Notices) Cause() *Cause { return n.first.Load() }

// Hurried is closed when a Spot interruption comes during a drain for another cause: it has two minutes
// from then on, however long that drain might have taken.
func (n *Notices) Hurried() <-chan struct{} { return n.hurried }

// Leaving is closed when the group terminates the instance: its termination hook is to be held, and
// completed in the end.
func (n *Notices) Leaving() <-chan struct{} { return n.leaving }

// Stopped is closed when the process was told to end by a signal: once it has drained, it waits for
// nobody.
func (n *Notices) Stopped() <-chan struct{} { return n.stopped }
