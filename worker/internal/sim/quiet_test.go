package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// quiet is a world without faults: a fleet with the default timing.
func quiet(seed uint64, instances, slots int) *world {
	w := newWorld(Options{Seed: seed})
	w.calm, w.wanted = true, instances
	w.setup = setup{
		Timing: contract.Timing{Lease: time.Minute, Heartbeat: 20 * time.Second, Sweep: 30 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: time.Minute, Stall: time.Hour},
		slots:  slots, Retry: contract.DefaultRetry(), crashLimit: 1000,
	}
	for _, n := range []*network{&w.table.network, &w.queue.network, &w.objects.network} {
		n.latency = 100 * time.Millisecond
	}
	w.queue.provision()
	return w
}

// plain is a job of equal steps in which nothing goes wrong.
func (w *world) plain(id string, steps int, step time.Duration) {
	w.ids = append(w.ids, id)
	w.jobs[id] = &script{id: id, steps: slices.Repeat([]time.Duration{step}, steps), byEpoch: true, at: -1, payload: "{}"}
}

// submission sends a message for a job.
func (w *world) submission(id string) {
	w.queue.send(fmt.Sprintf(`{"id":%q,"payload":%s}`, id, w.jobs[id].payload), 0)
}

// playUntil plays a world to a moment.
func (w *world) playUntil(end time.Duration) {
	w.at(end, func() { w.finished = true })
	w.play()
}

// playWell plays a world in which nothing is violated.
func (w *world) playWell(t *testing.T, end time.Duration) {
	t.Helper()
	if w.playUntil(end); w.violation != nil {
		t.Fatal(w.violation)
	}
}
