package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestASickMachineFailsFewJobs: on a machine on which each step fails, forty jobs fail about as often as the pauses of one
// allow, not as often as four slots can. They are done once the machine is well.
func TestASickMachineFailsFewJobs(t *testing.T) {
	const jobs, sick = 40, 2 * time.Hour
	w := quiet(1, 1, 4)
	w.fill()
	for n := range jobs {
		id := fmt.Sprint("job-", n)
		w.plain(id, 3, 10*time.Second)
		w.jobs[id].at, w.jobs[id].fails = 0, math.MaxInt
		w.submission(id)
	}
	failures, done, dead := int64(0), 0, 0
	count := func() {
		failures, done, dead = 0, 0, 0
		for _, id := range w.ids {
			item := w.table.get(contentType + "#" + id)
			if item == nil { // its message waits
				continue
			}
			j, err := job.FromItem(item)
			if err != nil {
				t.Fatal(err)
			}
			failures += j.Failures
			switch j.State {
			case job.Done:
				done++
			case job.Dead:
				dead++
			}
		}
	}
	w.at(sick, func() {
		count()
		t.Logf("%d failures in %s", failures, sick)
		if failures < 10 || failures > 80 || done+dead > 0 {
			t.Errorf("%d failures, %d jobs done and %d DEAD after %s on a sick machine", failures, done, dead, sick)
		}
		for _, s := range w.jobs {
			s.fails = 0
		}
	})
	w.playUntil(2 * sick)
	if count(); done != jobs || w.violation != nil {
		t.Errorf("%d of %d jobs done once the machine was well, violation %v", done, jobs, w.violation)
	}
}
