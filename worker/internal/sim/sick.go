package sim

import (
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// sickness is what an instance lacks.
type sickness int

const (
	well         sickness = iota
	startless             // no slot starts
	folderless            // no slot becomes ready, and none that is begins a job
	deceptive             // slots become ready, but begin no job
	unproductive          // jobs begin, and each fails
)

// suspicious is how many different jobs fail on a worker without a checkpoint between them until it is careful.
const suspicious = 5

// leastCare is the shortest pause of a careful worker after a job that failed.
const leastCare = 5 * time.Second

// sicken takes something from an instance for a while.
func (w *world) sicken(n *node) {
	if n == nil {
		return
	}
	n.lacks = sickness(1 + w.random.IntN(int(unproductive)))
	n.lacksUntil = w.now + w.between(10*time.Second, []time.Duration{time.Minute, 10 * time.Minute, 40 * time.Minute}[w.random.IntN(3)])
	if n.lacks == unproductive { // with jobs enough to fail one after the other
		n.lacksUntil = w.now + w.between(10*time.Minute, time.Hour)
		for range suspicious {
			w.submit(fmt.Sprintf("more-%d", len(w.ids)))
		}
	}
	w.note("%s: sick (%d) for %s", n.name, n.lacks, n.lacksUntil-w.now)
}

// sick is what the instance lacks now.
func (n *node) sick() sickness {
	if n.world.calm || n.world.now >= n.lacksUntil {
		return well
	}
	return n.lacks
}

// learns takes down when the worker of an instance first learnt of a fault that keeps jobs from beginning.
func (n *node) learns() {
	if n.knowsSick == 0 {
		n.knowsSick = n.world.now
	}
}

// passes takes down that a slot became ready, as its worker sees it. Under a fault that keeps slots from that, only a
// negative control has one ready.
func (n *node) passes() {
	if s := n.sick(); s != startless && s != folderless {
		n.knowsSick = 0
	}
}

// begins is how a slot ends a job that its instance cannot begin; nil: it begins.
func (p *slotProcess) begins() *protocol.Outcome {
	if s := p.node.sick(); s != folderless && s != deceptive {
		return nil
	}
	if p.holder != nil { // else its attempt is over already
		p.holder.unbegun = true
	}
	kind := protocol.Sick
	if p.world.control == BlamedJobs {
		kind = protocol.Retry
	}
	return &protocol.Outcome{Kind: kind, Error: "no space left on device"}
}

// blameless checks I1: a job that its instance could not begin is handed back. It does not end by that, and nothing is
// counted against it. An operator may have cancelled it.
func (o *oracle) blameless(w write, by *caller) {
	if !w.byHolder() || by.holder == nil || !by.holder.unbegun {
		return
	}
	ended := w.is.State.Terminal() && w.is.State != job.Cancelled
	if ended || w.is.Failures > w.was.Failures || w.is.Crashes > w.was.Crashes {
		o.world.violate("I1", "%s of a job that its sick instance had not begun: %s -> %s", w.Op, brief(w.before), brief(w.after))
	}
}

// takesNone checks I2: an instance that knows that it cannot begin jobs receives none before a self-test has passed. A
// hand-back, by which it learns of the fault, may take a lease.
func (n *node) takesNone() {
	w := n.world
	if most := 2*w.setup.Lease + time.Minute; n.knowsSick > 0 && n.frozeAt < n.knowsSick && w.now-n.knowsSick > most {
		w.violate("I2", "%s receives although it is sick, %s after it learnt of it", n.name, w.now-n.knowsSick)
	}
}

// care is what makes the worker of an instance careful, as the harness sees its attempts end.
type care struct {
	failed   map[job.Key]bool // without a checkpoint between them
	failedAt time.Duration    // the last time, on the instance's monotonic clock
	saved    int64            // checkpoints by then
	held     int              // jobs that the instance has claimed and not ended
}

// ended takes down how an attempt ended.
func (c *care) ended(n *node, a lease.Account) {
	c.held--
	c.look(n)
	if a.Outcome == lease.Done {
		c.failed = nil
	}
	if a.Failed {
		if c.failed == nil {
			c.failed = map[job.Key]bool{}
		}
		c.failed[a.Job.Key], c.failedAt = true, n.Monotonic()
	}
}

func (c *care) look(n *node) {
	if saved := n.tally.Checkpoints.Load(); saved != c.saved {
		c.saved, c.failed = saved, nil
	}
}

// careful checks C1: a worker on which five different jobs failed, without a checkpoint between them, takes one job at a
// time, after a pause.
func (n *node) careful(most int) {
	c, w := &n.care, n.world
	c.look(n)
	switch {
	case len(c.failed) < suspicious:
	case most > 1 || c.held > 0:
		w.violate("C1", "each job fails on %s, and it asks for %d more while it has %d", n.name, most, c.held)
	case n.Monotonic()-c.failedAt < leastCare:
		w.violate("C1", "each job fails on %s, and it asks for another after %s", n.name, n.Monotonic()-c.failedAt)
	}
}
