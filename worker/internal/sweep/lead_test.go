package sweep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// off is a machine whose wall clock is off. All machines' monotonic clocks run alike.
type off struct {
	*clock
	by time.Duration
}

func (o off) Now() time.Time { return o.clock.Now().Add(o.by) }

// machine is a sweeper on a machine whose wall clock is off.
func (w *world) machine(name string, by time.Duration) *sweep.Sweeper {
	s := w.sweeper(name)
	s.Clock = off{w.clock, by}
	return s
}

var daysOff = []time.Duration{0, time.Second, -time.Second, 24 * time.Hour, -24 * time.Hour, 72 * time.Hour, -72 * time.Hour}

// TestLeadershipHealsWhateverAClockSays: a leader ends without a word. Another worker sweeps within two intervals of
// the sweep that is missing, although their clocks are days apart.
func TestLeadershipHealsWhateverAClockSays(t *testing.T) {
	for _, a := range daysOff {
		for _, b := range daysOff {
			t.Run(fmt.Sprintf("%s and %s", a, b), func(t *testing.T) {
				w := newWorld(t)
				one, other := w.machine("a", a), w.machine("b", b)
				for range 5 {
					if w.sweep(one); w.sweep(other).Led {
						one, other = other, one
					}
					w.clock.pass(interval)
				}
				missing := w.clock.mono // one, which led, is gone
				for {
					r := w.sweep(other)
					if r.Led {
						break
					}
					wait := interval * 9 / 8
					if r.RipeIn > 0 {
						wait = min(wait, r.RipeIn)
					}
					if w.clock.pass(wait); w.clock.mono > missing+2*interval {
						t.Fatalf("nobody swept for %s after the missing sweep", w.clock.mono-missing)
					}
				}
			})
		}
	}
}

// TestALeaderThatSweepsKeepsTheLead: a worker whose clock runs days ahead takes it at its first look at most, because to
// it the fleet looks as if it had been empty.
func TestALeaderThatSweepsKeepsTheLead(t *testing.T) {
	for _, by := range daysOff {
		w := newWorld(t)
		a, b := w.machine("a", 0), w.machine("b", by)
		w.sweep(a)
		changes, leader := 0, "a"
		for range 100 {
			w.clock.pass(interval / 2)
			if w.sweep(b).Led != (leader == "b") {
				changes, leader = changes+1, "b"
			}
			w.clock.pass(interval / 2)
			if w.sweep(a).Led != (leader == "a") {
				changes, leader = changes+1, "a"
			}
		}
		if changes > 1 || changes == 1 && by <= interval {
			t.Errorf("clock off by %s: the lead changed hands %d times in 100 sweeps", by, changes)
		}
	}
}

// TestFirstWorkerOfAnEmptyFleetSweepsAtOnce.
func TestFirstWorkerOfAnEmptyFleetSweepsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.sweep(w.sweeper("a"))
	w.clock.pass(time.Hour)
	if !w.sweep(w.sweeper("b")).Led {
		t.Error("the first worker after an hour waits for a leader that is gone")
	}
}

// TestNextSweepMovesWithEachLead: a leader whose wall clock was set back would look as if it stood still.
func TestNextSweepMovesWithEachLead(t *testing.T) {
	w := newWorld(t)
	a, b := w.sweeper("a"), w.sweeper("b")
	for range 10 {
		if !w.sweep(a).Led || w.sweep(b).Led {
			t.Fatal("want a to lead and b to stand by")
		}
		w.clock.mono += interval // the wall clock is set back each time
	}
}
