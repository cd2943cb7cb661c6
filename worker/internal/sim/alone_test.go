//go:build !race

// What plays one world after the other is not for the race detector: a world has one goroutine, and the detector makes ten
// times as much of it. TestSeeds plays worlds side by side.

package sim

import (
	"bytes"
	"testing"
	"time"
)

const seeds = 200

func TestSameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		var first, second bytes.Buffer
		a := Run(Options{Seed: seed, Trace: &first})
		b := Run(Options{Seed: seed, Trace: &second})
		if a.Trace != b.Trace || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("seed %d: two runs gave two traces", seed)
		}
		if other := Run(Options{Seed: seed + 100}); other.Trace == a.Trace || first.Len() == 0 {
			t.Errorf("seeds %d and %d gave one trace, of %d bytes", seed, seed+100, first.Len())
		}
	}
}

// TestControlsAreCaught: the simulator notices each rule that is taken from the protocol.
func TestControlsAreCaught(t *testing.T) {
	t.Parallel()
	s := Campaign{First: 1, Controls: 600}.Run()
	for c, invariant := range NegativeControls {
		if s.Caught[c] == nil {
			t.Errorf("%s: not caught by %s in 600 seeds", c, invariant)
		}
	}
}

// TestLostBellIsFoundBehindALastingBacklog: where jobs come as fast as they are done, the queue always
// holds a message per slot; jobs whose bell was lost are rung once the queue has passed it.
func TestLostBellIsFoundBehindALastingBacklog(t *testing.T) {
	t.Parallel()
	b := &backlog{jobs: 200, work: 56 * time.Second, every: 7 * time.Second, lose: 50}
	b.play(t)
	waiting, lost := 0, 0
	for i, id := range b.world.ids[:1500] { // of the first three hours
		if b.lost(i) {
			lost++
			if b.world.jobs[id].version == 0 {
				waiting++
			}
		}
	}
	visible, _ := b.world.queue.memory.Visible(t.Context())
	t.Logf("%d of %d jobs with a lost bell still wait, %d messages in the queue, %.3f messages per job", waiting, lost, visible, b.perJob())
	if waiting > 0 || lost < 20 || visible < 8 || b.perJob() > 1.05 {
		t.Error("want none waiting, a backlog to the end, and at most 1.05 messages per job")
	}
}
