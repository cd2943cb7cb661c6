package sim

import "testing"

// TestSeeds plays some seeds side by side; make sim plays many.
func TestSeeds(t *testing.T) {
	t.Parallel()
	s := Campaign{First: 1, Seeds: seeds}.Run()
	for _, v := range s.Violations {
		t.Error(v)
	}
	if !s.enough() {
		t.Errorf("%d of %d untroubled jobs are DONE", s.Done, s.Untroubled)
	}
	if s.Events < seeds*1000 {
		t.Errorf("%d events in %d seeds: nothing happens", s.Events, seeds)
	}
}
