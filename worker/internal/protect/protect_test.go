package protect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/protect"
)

// group records, on a clock that only sleeping moves, what it is told.
type group struct {
	now, end time.Duration
	told     []string
	fails    func(now time.Duration) bool
}

func (g *group) Monotonic() time.Duration { return g.now }

func (g *group) Sleep(_ context.Context, d time.Duration) error {
	if g.now += d; g.now > g.end {
		return context.Canceled
	}
	return nil
}

func (g *group) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

func (g *group) SetInstanceProtection(_ context.Context, in *autoscaling.SetInstanceProtectionInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error) {
	g.told = append(g.told, fmt.Sprintf("%s %s %v %t", g.now, *in.AutoScalingGroupName, in.InstanceIds, *in.ProtectedFromScaleIn))
	if g.fails != nil && g.fails(g.now) {
		return nil, errors.New("throttled")
	}
	return nil, nil
}

// run protects for d a worker that is busy when busy says so, and returns what the group was told.
func run(t *testing.T, d time.Duration, busy func(now time.Duration) bool, fails func(time.Duration) bool) []string {
	t.Helper()
	g := &group{end: d, fails: fails}
	p := &protect.Protector{API: g, Group: "tier-mail", Instance: "i-1", Clock: g, Rand: backofftest.Longest(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	p.Run(t.Context(), func() bool { return busy(g.now) })
	return g.told
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
		"one long job": {between(10*time.Second, 10*time.Minute), nil, []string{"10s tier-mail [i-1] true", "11m59s tier-mail [i-1] false"}},
		// A job each ten seconds for ten minutes would be 120 calls.
		"short jobs, one after the other": {
			func(now time.Duration) bool { return now < 10*time.Minute && now%(10*time.Second) < 5*time.Second },
			nil, []string{"1s tier-mail [i-1] true", "11m54s tier-mail [i-1] false"},
		},
		// The worker before this one may have left the instance protected.
		"idle from the start": {never, nil, []string{"2m0s tier-mail [i-1] false"}},
		"throttled for a minute": {between(10*time.Second, time.Hour), between(0, 50*time.Second), []string{
			"10s tier-mail [i-1] true", "25s tier-mail [i-1] true", "55s tier-mail [i-1] true",
		}},
	} {
		if diff := cmp.Diff(c.want, run(t, 20*time.Minute, c.busy, c.fails)); diff != "" {
			t.Errorf("%s (-want +told):\n%s", name, diff)
		}
	}
}
