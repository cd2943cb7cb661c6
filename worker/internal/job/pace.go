package job

import (
	"math"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Pace is how fast a job moves, in its own units. Zero: not known.
type Pace struct {
	PerSecond float64
	Error     float64 // standard error of PerSecond
}

// paceScale is the resolution of a pace in an item: millionths of a unit per second.
const paceScale = 1e6

func (p Pace) apply(set Item) {
	if p.PerSecond > 0 {
		set[contract.AttrPace], set[contract.AttrPaceError] = int64(p.PerSecond*paceScale), int64(p.Error*paceScale)
	}
}

func paceOf(pace, paceError int64) Pace {
	return Pace{float64(pace) / paceScale, float64(paceError) / paceScale}
}

// Left is how long a RUNNING job still takes at its pace, from its last word on: between soonest and latest with
// a probability of about 95 % (two standard errors). Not known: ok is false. No end in sight: latest is 0.
func (j Job) Left() (soonest, likely, latest time.Duration, ok bool) {
	left := float64(j.Total - j.Done)
	if j.State != Running || j.Total <= 0 || left < 0 || j.Pace.PerSecond <= 0 {
		return 0, 0, 0, false
	}
	at := func(perSecond float64) time.Duration {
		seconds := left / perSecond
		if perSecond <= 0 || seconds > math.MaxInt64/float64(time.Second) {
			return 0
		}
		return time.Duration(seconds * float64(time.Second))
	}
	soonest, likely, latest = at(j.Pace.PerSecond+2*j.Pace.Error), at(j.Pace.PerSecond), at(j.Pace.PerSecond-2*j.Pace.Error)
	return soonest, likely, latest, likely > 0 || left == 0
}
