package lease

import (
	"math"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// paceHalfLife is how fast old speed is forgotten: after this long it counts half.
const paceHalfLife = 10 * time.Minute

// pace estimates how fast a job moves, from what its holder writes of its progress. The sums are of the stretches
// between two writes, weighed by their length.
type pace struct {
	begun   bool
	at      time.Duration // of the last observation
	done    int64
	seconds float64 // Σ t
	units   float64 // Σ u
	squares float64 // Σ u²/t
	count   float64
}

// observe takes the position at a moment. One that went back, as after a change of the total work, starts anew.
func (p *pace) observe(now time.Duration, done int64) {
	t, u := (now - p.at).Seconds(), float64(done-p.done)
	begun := p.begun
	p.begun, p.at, p.done = true, now, done
	switch {
	case !begun || t <= 0:
		return
	case u < 0:
		*p = pace{begun: true, at: now, done: done}
		return
	}
	keep := math.Exp2(-t / paceHalfLife.Seconds())
	p.seconds = p.seconds*keep + t
	p.units = p.units*keep + u
	p.squares = p.squares*keep + u*u/t
	p.count = p.count*keep + 1
}

// estimate is the mean speed with its standard error; zero: not known yet.
func (p *pace) estimate() job.Pace {
	if p.count < 2 || p.units == 0 {
		return job.Pace{}
	}
	mean := p.units / p.seconds
	variance := max(0, p.squares/p.seconds-mean*mean) / (p.count - 1)
	return job.Pace{PerSecond: mean, Error: math.Sqrt(variance)}
}
