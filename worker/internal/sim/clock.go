package sim

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// epochStart is true time zero.
var epochStart = time.UnixMilli(1_700_000_000_000).UTC()

// clock is a machine's: its wall clock is off, its monotonic clock runs too fast or too slow, and may
// stand still while the machine is frozen.
type clock struct {
	world      *world
	offset     time.Duration // of the wall clock
	rate       int64         // of the monotonic clock, per mille of true time
	stood      time.Duration // true time during which the monotonic clock stood still
	stopped    bool
	stoppedAt  time.Duration // true time
	lastFreeze time.Duration // where the monotonic clock last stood still; -1: never
}

var _ lease.Clock = (*clock)(nil)

// Now is the wall clock.
func (c *clock) Now() time.Time { return epochStart.Add(c.world.now + c.offset) }

// Monotonic never jumps.
func (c *clock) Monotonic() time.Duration {
	t := c.world.now
	if c.stopped {
		t = c.stoppedAt
	}
	return time.Hour + (t-c.stood)/1000*time.Duration(c.rate)
}

// when is the true time at which the monotonic clock shows t, if it does not stop meanwhile.
func (c *clock) when(t time.Duration) time.Duration {
	if t == never {
		return never
	}
	left := t - c.Monotonic()
	if left <= 0 {
		return c.world.now
	}
	return c.world.now + (left/time.Duration(c.rate)+1)*1000
}

func (c *clock) stop() {
	if !c.stopped {
		c.lastFreeze = c.Monotonic()
		c.stopped, c.stoppedAt = true, c.world.now
	}
}

func (c *clock) start() {
	if c.stopped {
		c.stopped = false
		c.stood += c.world.now - c.stoppedAt
	}
}

// Sleep waits for d on the monotonic clock, or until ctx ends.
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	target := c.Monotonic() + d
	for c.Monotonic() < target {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.world.wait(c.when(min(target, deadlineOf(ctx))), cancelOf(ctx))
	}
	return ctx.Err()
}

// WithTimeout returns a context that ends after d on the monotonic clock.
func (c *clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	child := newScope(ctx, c)
	child.deadline = c.Monotonic() + max(d, 0)
	return child, func() { child.cancel(context.Canceled) }
}

// scope is a context in virtual time.
type scope struct {
	parent   *scope
	clock    *clock
	deadline time.Duration // on the clock's monotonic time
	cause    error         // why it was cancelled; nil: it was not
	onCancel *signal       // of the nearest scope that can be cancelled from outside
}

type scopeKey struct{}

// newScope returns a child of ctx; ctx need not be a scope.
func newScope(ctx context.Context, c *clock) *scope {
	s := &scope{clock: c, deadline: never}
	if parent := scopeOf(ctx); parent != nil {
		s.parent, s.onCancel = parent, parent.onCancel
	}
	return s
}

// cancellable returns a scope that wakes who waits in it when it is cancelled.
func cancellable(c *clock) *scope {
	return &scope{clock: c, deadline: never, onCancel: &signal{}}
}

func (s *scope) cancel(cause error) {
	s.cause = cause
	if s.parent == nil && s.onCancel != nil {
		s.onCancel.fire()
	}
}

// Deadline is part of context.Context; in virtual time there is none on the wall clock.
func (s *scope) Deadline() (time.Time, bool) { return time.Time{}, false }

// undone is never closed.
var undone = make(chan struct{})

// Done is part of context.Context; core and loops ask Err. Only what context.WithoutCancel made of a scope has no channel.
func (s *scope) Done() <-chan struct{} { return undone }

// Err is why the scope has ended; nil: it has not.
func (s *scope) Err() error {
	for a := s; a != nil; a = a.parent {
		if a.cause != nil {
			return a.cause
		}
		if a.deadline != never && a.clock.Monotonic() >= a.deadline {
			return context.DeadlineExceeded
		}
	}
	return nil
}

// Value finds the scope in contexts that wrap it.
func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return nil
}

func scopeOf(ctx context.Context) *scope {
	if ctx.Done() == nil {
		return nil
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// deadlineOf is when ctx ends at the latest, on its clock's monotonic time.
func deadlineOf(ctx context.Context) time.Duration {
	at := never
	for s := scopeOf(ctx); s != nil; s = s.parent {
		at = min(at, s.deadline)
	}
	return at
}

func cancelOf(ctx context.Context) *signal {
	if s := scopeOf(ctx); s != nil {
		return s.onCancel
	}
	return nil
}

// lateClock is a clock that stands still while a call of its owner is in flight: what is stamped before
// a call is then as late as if it had been stamped after the reply. For a negative control.
type lateClock struct {
	*clock
	lost   time.Duration // how late the stamp of the last answered call is
	since  time.Duration
	flying bool
}

func (c *lateClock) Monotonic() time.Duration {
	if c.flying {
		return c.since - c.lost
	}
	return c.clock.Monotonic() - c.lost
}

// WithTimeout never times out: its clock stands still.
func (c *lateClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return ctx, func() {}
}

func (c *lateClock) depart() { c.since, c.flying = c.clock.Monotonic(), true }

func (c *lateClock) arrive(answered bool) {
	if c.flying = false; answered {
		c.lost = c.clock.Monotonic() - c.since
	}
}
