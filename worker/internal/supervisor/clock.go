package supervisor

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
)

// SystemClock is the machine's clock.
type SystemClock struct{}

var _ lease.Clock = SystemClock{}

// Now is the wall clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Monotonic is the clock of leases, see package monotonic.
func (SystemClock) Monotonic() time.Duration { return monotonic.Now() }

// Sleep waits for d, or less where ctx ends first; then it returns the context's error.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WithTimeout is context.WithTimeout.
func (SystemClock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// Random is randomness that many goroutines may use at once, seeded by the system.
func Random() *rand.Rand { return rand.New(sharedSource{}) }

type sharedSource struct{}

func (sharedSource) Uint64() uint64 { return rand.Uint64() }
