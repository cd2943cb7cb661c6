//go:build !race

package sim

import (
	"fmt"
	"testing"
	"time"
)

// sweepReads plays an hour of a fleet with 20 long jobs under way, 10 READY ones that wait for later, and
// finished jobs, and returns what the sweeps of that hour read from the table: queries, counts and items.
// looks are the reads of workers that only see whether the sweeper is late.
func sweepReads(t *testing.T, instances, finished int) (reads map[string]int, looks int) {
	t.Helper()
	w := quiet(1, instances, 20)
	for i := range finished {
		w.plain(fmt.Sprintf("finished-%d", i), 1, time.Millisecond)
		w.submission(fmt.Sprintf("finished-%d", i))
	}
	w.at(time.Hour, func() {
		for i := range 20 {
			w.plain(fmt.Sprintf("running-%d", i), 40, 5*time.Minute)
			w.submission(fmt.Sprintf("running-%d", i))
		}
	})
	before := map[string]int{}
	w.at(2*time.Hour, func() {
		for _, what := range []string{"query", "count", "batch get", "items of batch get", "get"} {
			before[what] = w.calls[what]
		}
	})
	w.fill()
	w.playWell(t, 3*time.Hour)
	reads = map[string]int{}
	for what, n := range before {
		reads[what] = w.calls[what] - n
	}
	looks = reads["get"]
	delete(reads, "get")
	return reads, looks
}

// TestSweepReadsWhatRunsAndNothingElse: what a sweep reads grows neither with the workers nor with the
// jobs that have ended. Workers that do not sweep read the control item alone.
func TestSweepReadsWhatRunsAndNothingElse(t *testing.T) {
	type fleet struct{ instances, finished int }
	base := map[string]int{}
	for _, f := range []fleet{{1, 0}, {1, 1000}, {10, 0}, {10, 1000}, {100, 0}, {100, 1000}} {
		reads, looks := sweepReads(t, f.instances, f.finished)
		t.Logf("%3d workers, 20 running and %4d finished jobs, one hour: %d queries, %d counts, %d batch reads of %d items; %d looks at the control item by the other workers",
			f.instances, f.finished, reads["query"], reads["count"], reads["batch get"], reads["items of batch get"], looks)
		if f == (fleet{1, 0}) {
			base = reads
			if reads["items of batch get"] < 20*100 {
				t.Errorf("%d items read in an hour: the sweeps do not look at the running jobs", reads["items of batch get"])
			}
		}
		for what, n := range reads {
			if n > base[what]*11/10 {
				t.Errorf("%s: %d with %d workers and %d finished jobs, %d with one worker and none", what, n, f.instances, f.finished, base[what])
			}
		}
		if most := (f.instances - 1) * 150; looks > most { // one each sweep interval
			t.Errorf("%d looks at the control item, want at most %d", looks, most)
		}
	}
}
