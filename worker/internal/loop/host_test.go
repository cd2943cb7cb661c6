package loop

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// bubbleClock is the clock of a synctest bubble.
type bubbleClock struct{ start time.Time }

var _ lease.Clock = bubbleClock{}

func (bubbleClock) Now() time.Time             { return time.Now() }
func (c bubbleClock) Monotonic() time.Duration { return time.Since(c.start) }

func (bubbleClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (bubbleClock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d)
}

// random is randomness from a fixed seed, for several loops.
func random() *rand.Rand { return rand.New(&sharedSource{pcg: rand.NewPCG(1, 2)}) }

type sharedSource struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

func (s *sharedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pcg.Uint64()
}

// goroutines is a host on a bubble's clock.
type goroutines struct {
	clock bubbleClock
	start func(Task) (Process, error)
}

func (g goroutines) Task() Task                    { return bubbleTask{g.clock, make(chan struct{}, 1)} }
func (g goroutines) Start(t Task) (Process, error) { return g.start(t) }
func (goroutines) Together(bodies ...func()) {
	var group sync.WaitGroup
	for _, body := range bodies {
		group.Go(body)
	}
	group.Wait()
}

type bubbleTask struct {
	clock bubbleClock
	woken chan struct{}
}

func (t bubbleTask) Wait(ctx context.Context, until time.Duration) {
	timer := time.NewTimer(until - t.clock.Monotonic())
	defer timer.Stop()
	select {
	case <-t.woken:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (t bubbleTask) Wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}
