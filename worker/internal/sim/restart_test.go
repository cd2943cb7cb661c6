//go:build !race

package sim

import (
	"testing"
	"time"
)

// crashes plays a quiet fleet with long jobs whose machines crash one after the other, the sweeper's
// every other time, and returns how long each job took to run again.
func crashes(t *testing.T, seed uint64) []Restart {
	t.Helper()
	w := quiet(seed, 4, 2)
	w.fill()
	for _, id := range []string{"a", "b", "c"} {
		w.plain(id, 60, 2*time.Minute)
		w.submission(id)
	}
	for i := range 10 {
		w.at(time.Duration(i+1)*8*time.Minute+w.upTo(time.Minute), func() {
			var victims []*node
			for _, n := range w.nodes {
				if !n.gone && len(w.holding(n)) > 0 && (i%2 == 0 || n.leads) {
					victims = append(victims, n)
				}
			}
			if len(victims) > 0 {
				victims[w.random.IntN(len(victims))].crash()
			}
		})
	}
	w.playWell(t, 100*time.Minute)
	for _, l := range w.oracle.losses {
		t.Errorf("seed %d: %s never ran again", seed, l.key)
	}
	return w.restarts
}

// TestDeadMachinesJobsRunAgainInTime measures L2: lease × 1.25 + sweep + 5 s, and one sweep and one lease
// more where the machine was the sweeper.
func TestDeadMachinesJobsRunAgainInTime(t *testing.T) {
	const bound, asSweeper = 75*time.Second + 30*time.Second + 5*time.Second, 30*time.Second + time.Minute
	var worst, worstSweeper, sum time.Duration
	n := 0
	for seed := uint64(1); seed <= 60; seed++ {
		for _, r := range crashes(t, seed) {
			n++
			sum += r.After
			if r.Sweeper {
				worstSweeper = max(worstSweeper, r.After)
			} else {
				worst = max(worst, r.After)
			}
		}
	}
	t.Logf("%d jobs of dead machines ran again after %s on average, %s at most; of dead sweepers %s at most",
		n, (sum / time.Duration(n)).Round(time.Second), worst.Round(time.Second), worstSweeper.Round(time.Second))
	if n < 300 || worst > bound || worstSweeper > bound+asSweeper {
		t.Errorf("want at least 300, within %s, and within %s for a sweeper's", bound, bound+asSweeper)
	}
}
