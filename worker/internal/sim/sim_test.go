package sim

import (
	"bytes"
	"testing"
)

// notUnderRaceDetector leaves a test to make test: a simulated world is one goroutine, and takes ten times as long there.
// A campaign, which plays worlds side by side, is looked at in TestSeeds.
func notUnderRaceDetector(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a simulated world has one goroutine")
	}
}

// TestSeeds plays some seeds; make sim plays many, make race few.
func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds := 200
	if testing.Short() {
		seeds = 20
	}
	s := Campaign{First: 1, Seeds: seeds}.Run()
	for _, v := range s.Violations {
		t.Error(v)
	}
	if s.Events < uint64(seeds)*1000 {
		t.Errorf("%d events in %d seeds: nothing happens", s.Events, seeds)
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	notUnderRaceDetector(t)
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
	notUnderRaceDetector(t)
	s := Campaign{First: 1, Controls: 600}.Run()
	for _, c := range Controls {
		if s.Caught[c] == nil {
			t.Errorf("%s: not caught in 600 seeds", c)
		}
	}
}
