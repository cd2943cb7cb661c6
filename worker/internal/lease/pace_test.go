package lease

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func walk(p *pace, speed func(n int) int64, steps int) {
	at, done := time.Duration(0), int64(0)
	p.observe(at, done)
	for n := range steps {
		at, done = at+20*time.Second, done+20*speed(n)
		p.observe(at, done)
	}
}

func TestAnEvenPaceHasNoError(t *testing.T) {
	var p pace
	walk(&p, func(int) int64 { return 7 }, 30)
	if got := p.estimate(); math.Abs(got.PerSecond-7) > 1e-9 || got.Error > 1e-6 {
		t.Errorf("pace %+v, want 7 a second without an error", got)
	}
}

// TestTheErrorIsThatOfTheMean: of many uneven walks, about 95 % lie within two standard errors of the truth.
func TestTheErrorIsThatOfTheMean(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	within := 0
	const walks = 2000
	for range walks {
		var p pace
		walk(&p, func(int) int64 { return 50 + random.Int64N(101) }, 25)
		if got := p.estimate(); math.Abs(got.PerSecond-100) <= 2*got.Error {
			within++
		}
	}
	if share := float64(within) / walks; share < 0.90 || share > 0.98 {
		t.Errorf("%.3f of the walks lie within two standard errors, want about 0.95", share)
	}
}

// TestOldSpeedIsForgotten: an hour after a change, the pace is the new one.
func TestOldSpeedIsForgotten(t *testing.T) {
	var p pace
	walk(&p, func(n int) int64 {
		if n < 180 {
			return 100
		}
		return 10
	}, 360)
	if got := p.estimate().PerSecond; got < 10 || got > 12 {
		t.Errorf("pace %g an hour after it fell from 100 to 10", got)
	}
}

func TestAPaceThatIsNotKnown(t *testing.T) {
	var still, back, once pace
	walk(&still, func(int) int64 { return 0 }, 10)
	walk(&once, func(int) int64 { return 5 }, 1)
	walk(&back, func(int) int64 { return 5 }, 10)
	back.observe(time.Hour, 1) // the job began anew
	for name, p := range map[string]pace{"never begun": {}, "stands still": still, "one stretch": once, "went back": back} {
		if got := p.estimate(); got.PerSecond != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
