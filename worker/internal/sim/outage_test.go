package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestOutageOfAnHour takes one endpoint after the other away for an hour, from a fleet with running jobs
// and a backlog: no job is lost, nothing is dead-lettered, nothing counts as a failure, and the workers wait
// instead of asking again and again.
func TestOutageOfAnHour(t *testing.T) {
	const instances, slots, jobs = 3, 4, 40
	for name, of := range map[string]func(w *world) []*network{
		"table":      func(w *world) []*network { return []*network{&w.table.network} },
		"queue":      func(w *world) []*network { return []*network{&w.queue.network} },
		"bucket":     func(w *world) []*network { return []*network{&w.objects.network} },
		"everything": func(w *world) []*network { return []*network{&w.table.network, &w.queue.network, &w.objects.network} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := quiet(7, instances, slots)
			for i := range jobs {
				id := fmt.Sprintf("job-%d", i)
				w.plain(id, 20, 30*time.Second)
				if w.jobs[id].long = i%2 == 0; i%3 == 0 {
					w.jobs[id].payload = `{"filler":"` + filler + `"}`
				}
				if i < jobs/2 {
					w.submission(id)
				} else {
					w.at(20*time.Minute, func() { w.submission(id) })
				}
			}
			before := map[string]int{}
			total := func() (n int) {
				for what, calls := range w.calls {
					if what != "items of batch get" {
						n += calls - before[what]
					}
				}
				return n
			}
			w.at(15*time.Minute, func() {
				for _, n := range of(w) {
					n.down = true
				}
				for what, calls := range w.calls {
					before[what] = calls
				}
			})
			asked := 0
			w.at(75*time.Minute, func() {
				asked = total()
				for _, n := range of(w) {
					n.down = false
				}
			})
			w.fill()
			w.playWell(t, 8*time.Hour)
			var reaped, failed int64
			for _, id := range w.ids {
				j, err := job.FromItem(w.table.get(contentType + "#" + id))
				if err != nil || j.State != job.Done {
					t.Errorf("%s did not end: %v %s", id, err, brief(w.table.get(contentType+"#"+id)))
				}
				reaped, failed = reaped+w.jobs[id].lost, failed+j.Failures
			}
			perMinute := float64(asked) / 60 / instances
			t.Logf("%.1f requests a minute and worker during the outage, %d jobs restarted after it, %d failures, %d messages dead-lettered", perMinute, reaped, failed, len(w.queue.dead))
			if failed > 0 || len(w.queue.dead) > 0 || reaped > instances*slots {
				t.Error("want no failure, nothing dead-lettered, and no more restarts than jobs were under way")
			}
			if perMinute > 60 {
				t.Error("the workers ask again and again")
			}
		})
	}
}
