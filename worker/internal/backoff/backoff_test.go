package backoff_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
)

func TestLongestPauseDoublesUpToTheMost(t *testing.T) {
	p := backoff.Pauses{First: time.Second, Most: 30 * time.Second, Least: 100 * time.Millisecond}
	for failures, want := range map[int64]time.Duration{
		0: time.Second, 1: 2 * time.Second, 4: 16 * time.Second, 5: 30 * time.Second, 34: 30 * time.Second, 63: 30 * time.Second, math.MaxInt64: 30 * time.Second,
	} {
		if got := p.After(failures, backofftest.Longest()); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}

// Each tenth of the range gets about a tenth of the draws, from a fixed seed.
func TestPausesAreSpreadEvenlyOverTheirRange(t *testing.T) {
	const draws = 100_000
	for _, least := range []time.Duration{0, 2 * time.Second} {
		p := backoff.Pauses{First: 3 * time.Second, Most: time.Minute, Least: least}
		random := rand.New(rand.NewPCG(1, 2))
		var tenths [10]int
		for range draws {
			got := p.After(2, random)
			if got < least || got > 12*time.Second {
				t.Fatalf("%s, want %s to 12s", got, least)
			}
			tenths[min(9, 10*(got-least)/(12*time.Second-least))]++
		}
		for i, n := range tenths {
			if n < draws/11 || n > draws/9 {
				t.Errorf("from %s on, tenth %d of the range has %d of %d draws", least, i, n, draws)
			}
		}
	}
}
