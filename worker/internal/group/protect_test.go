package group

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
)

// clock moves only by sleeping, and ends after a while.
type clock struct{ now, end time.Duration }

func (c *clock) Monotonic() time.Duration { return c.now }

func (c *clock) Sleep(_ context.Context, d time.Duration) error {
	if c.now += d; c.now > c.end {
		return context.Canceled
	}
	return nil
}

func (c *clock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// protectedFor protects for d a worker that is busy when busy says so, and returns what the group was told.
func protectedFor(t *testing.T, d time.Duration, busy, fails func(now time.Duration) bool) []string {
	t.Helper()
	c := &clock{end: d}
	f := &fake{elapsed: c.Monotonic, fails: func(now time.Duration) error {
		if fails != nil && fails(now) {
			return errors.New("throttled")
		}
		return nil
	}}
	p := &Protector{Membership: Membership{API: f, Group: "tier-mail", Instance: "i-1", Log: quiet}, Clock: c, Rand: backofftest.Longest()}
	p.Run(t.Context(), func() bool { return busy(c.now) })
	return f.called
}

func between(from, to time.Duration) func(time.Duration) bool {
	return func(now time.Duration) bool { return from <= now && now < to }
}

func TestProtection(t *testing.T) {
	never := func(time.Duration) bool { return false }
	for name, c := range map[string]struct {
		busy, fails func(time.Duration) bool
		want        []string
	}{
		"one long job": {between(10*time.Second, 10*time.Minute), nil, []string{"10s: protect [i-1] of tier-mail: true", "11m59s: protect [i-1] of tier-mail: false"}},
		// A job each ten seconds for ten minutes would be 120 calls.
		"short jobs, one after the other": {
			func(now time.Duration) bool { return now < 10*time.Minute && now%(10*time.Second) < 5*time.Second },
			nil, []string{"1s: protect [i-1] of tier-mail: true", "11m54s: protect [i-1] of tier-mail: false"},
		},
		// The worker before this one may have left the instance protected.
		"idle from the start": {never, nil, []string{"2m0s: protect [i-1] of tier-mail: false"}},
		"throttled for a minute": {between(10*time.Second, time.Hour), between(0, 50*time.Second), []string{
			"10s: protect [i-1] of tier-mail: true", "25s: protect [i-1] of tier-mail: true", "55s: protect [i-1] of tier-mail: true",
		}},
	} {
		if diff := cmp.Diff(c.want, protectedFor(t, 20*time.Minute, c.busy, c.fails)); diff != "" {
			t.Errorf("%s (-want +told):\n%s", name, diff)
		}
	}
}
