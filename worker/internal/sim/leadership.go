package sim

import (
	"maps"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// daysApart is how far wall clocks are off each way in some runs.
const daysApart = 36 * time.Hour

// healing is the longest time from one lead of the sweep to the next, while some worker could take the lead. A
// leader sweeps every interval, and a missed sweep is made up for within two, on clocks whose rates are off by a
// tenth. A sweep on a slow network makes dozens of calls.
func (w *world) healing() time.Duration {
	return 3*w.setup.Sweep*10/9 + 60*w.table.network.latency + 2*sdkLimit
}

// healed checks L4: leadership heals within two sweep intervals, whatever a clock says. It is judged with each lead of
// the sweep and each minute, while there are no faults.
func (o *oracle) healed() {
	w := o.world
	if w.calmAt == 0 {
		return
	}
	for _, n := range w.nodes {
		looked, ok := o.looked[n]
		if !ok || n.gone || n.frozen || n.drainingAt != 0 {
			continue
		}
		if since := max(o.ledAt, w.calmAt, looked, n.frozeAt); w.now-since > w.healing() {
			w.violate("L4", "nobody has led the sweep for %s, and %s could have for %s. The longest is %s", w.now-o.ledAt, n.name, w.now-since, w.healing())
		}
	}
}

// shows is what a machine sees of the control item under the control. A sweeper that judges by wall clocks stands
// by until its own clock has passed nextSweep: to it a value that has not passed looks as if it moved.
func (c NegativeControl) shows(n *node, control job.Item) job.Item {
	if c == UnseenPause && n != nil {
		control = maps.Clone(control)
		delete(control, contract.AttrPaused)
		return control
	}
	next, ok := control[contract.AttrNextSweep].(int64)
	if c != WallClockLead || n == nil || !ok || n.Now().After(time.UnixMilli(next).Add(n.world.setup.Sweep)) {
		return control
	}
	control = maps.Clone(control)
	control[contract.AttrNextSweep] = next + n.world.now.Milliseconds()
	return control
}
