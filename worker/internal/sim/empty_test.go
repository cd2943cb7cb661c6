package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// TestFleetThatShrinksToNothing: a fleet ends, one machine of it without a word and all bells lost, and comes back
// as a single machine two days later: every job goes on where it was.
func TestFleetThatShrinksToNothing(t *testing.T) {
	w := quiet(3, 3, 2)
	for i := range 12 {
		id := fmt.Sprintf("job-%d", i)
		w.plain(id, 30, time.Minute)
		w.submission(id)
	}
	w.at(10*time.Minute, func() {
		w.wanted = 0
		w.nodes[0].crash()
		for _, n := range w.nodes[1:] {
			n.drain(drain.Lifecycle)
		}
	})
	reached := 0
	w.at(20*time.Minute, func() {
		for _, n := range w.nodes {
			if !n.gone {
				t.Errorf("%s is still there", n.name)
			}
		}
		for _, id := range w.ids {
			reached += w.jobs[id].reached
		}
		bells, _ := w.queue.memory.Receive(t.Context(), 20, 0)
		bells = slices.DeleteFunc(bells, func(m queue.Message) bool { return !strings.HasPrefix(m.Body, `{"bell"`) })
		if err := w.queue.memory.Delete(t.Context(), bells); err != nil || len(bells) < 3 {
			t.Errorf("%d bells lost, error %v", len(bells), err)
		}
	})
	w.at(48*time.Hour, func() { w.wanted = 1; w.fill() })
	w.fill()
	w.playWell(t, 58*time.Hour)
	if reached < 20 {
		t.Fatalf("%d steps were saved before the end of the fleet: nothing to go on from", reached)
	}
	for _, id := range w.ids {
		if j, err := job.FromItem(w.table.get(contentType + "#" + id)); err != nil || j.State != job.Done || j.Failures != 0 || j.Crashes > 1 {
			t.Errorf("%s: %v %s", id, err, brief(w.table.get(contentType+"#"+id)))
		}
	}
}
