package sim

import (
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// holder is one attempt as the harness knows it: what it believes, and what really became of it.
type holder struct {
	node      *node
	claim     job.Claim
	lease     time.Duration
	deadline  time.Duration // that it believes in, on its node's monotonic clock
	since     time.Duration // true time from which the claim's lease runs
	calling   time.Duration // on its node's monotonic clock: when its call in flight began; 0: none
	troubled  bool          // a call of it failed or was slow
	crashed   bool
	over      bool
	owed      bool // it handed its job back, which is to be announced by a bell
	belled    bool
	discarded bool // it deleted the payload of its job, or tried to
	paused    bool // its job was paused while it held it
	unbegun   bool // its instance could not begin the job
}

// learnt is when a claimer was answered that it holds a job.
type learnt struct {
	node *node
	at   time.Duration // true time
}

// knows takes down what a claimer is answered.
func (o *oracle) knows(n *node, claim job.Write, item job.Item) {
	owner, _ := item[contract.AttrOwner].(string)
	if n != nil && owner != "" && owner == claim.Set[contract.AttrOwner] {
		o.learnt[owner] = learnt{n, o.world.now}
	}
}

// owes takes down that a hand-back was applied.
func (h *holder) owes(j job.Job, now time.Time) {
	h.owed = j.State == job.Ready && !j.Paused && j.NotBefore.Sub(now) < queue.MaxDelay-time.Minute
}

// rungBy checks B2 at the end of an attempt: who hands a job back sends its bell.
func (o *oracle) rungBy(h *holder, outcome lease.Outcome, known job.Job) {
	if h.owed && !h.belled && outcome != lease.Expired && !known.Paused {
		o.world.violate("B2", "%s handed its job back and sent no bell: %s", h.claim.Owner, brief(o.world.table.get(h.claim.Key.String())))
	}
}

// loss is a job whose machine died, until somebody runs it again.
type loss struct {
	key     string
	epoch   int64
	at      time.Duration
	sweeper bool // the machine was the sweeper
}

// begin takes down a claim that its claimer knows of.
func (o *oracle) begin(n *node, c lease.Claimed) *holder {
	ago := (n.Monotonic() - c.Deadline + c.Job.Lease) * 1000 / time.Duration(n.rate)
	h := &holder{node: n, claim: c.Job.Claim(), lease: c.Job.Lease, deadline: c.Deadline, since: o.world.now - ago}
	o.holders[c.Job.Owner] = h
	return h
}

// clockStood reports whether the holder's machine stood still with its clock during its present lease.
func (h *holder) clockStood() bool {
	return h.node.stopped || h.node.lastFreeze >= 0 && h.node.lastFreeze >= h.deadline-h.lease
}

// reallyLost reports whether something that can cost a holder its lease happened to it.
func (h *holder) reallyLost() bool {
	return h.crashed || h.troubled || h.waits() || h.node.frozen || h.node.frozeAt >= h.since
}

// waits reports whether the holder's call in flight takes long.
func (h *holder) waits() bool { return h.calling > 0 && h.node.Monotonic()-h.calling > h.lease/4 }

// acknowledged checks the other side of S8: nobody is told of a lease on a job that it no longer holds.
func (o *oracle) acknowledged(h *holder, deadline time.Duration) {
	h.deadline = deadline
	item, err := job.FromItem(o.world.table.get(h.claim.Key.String()))
	held := err == nil && item.State == job.Running && item.Epoch == h.claim.Epoch && item.Owner == h.claim.Owner
	if left := deadline - h.node.Monotonic(); !held && left > 0 && !h.clockStood() {
		o.world.violate("S8", "%s was told of a lease of %s on a job it does not hold: %s", h.claim.Owner, left, brief(o.world.table.get(h.claim.Key.String())))
	}
}

// reaped checks S8, a holder that renewed its lease is not reaped, and S5, a reap means a loss.
func (o *oracle) reaped(w write) {
	w.script.lost++
	h := o.holders[w.was.Owner]
	if h == nil {
		if l, ok := o.learnt[w.was.Owner]; ok && !l.node.gone && !l.node.frozen && l.node.frozeAt < l.at {
			o.world.violate("S5", "%s was reaped, and its claimer, which was answered that it holds the job, never began: %s", w.was.Owner, brief(w.before))
		}
		return // the claimer never learnt that it holds the job
	}
	left := h.deadline - h.node.Monotonic()
	switch {
	case !h.over && !h.crashed && left > 0 && !h.clockStood():
		o.world.violate("S8", "%s was reaped %s before its deadline: %s", h.claim.Owner, left, brief(w.before))
	case !h.reallyLost():
		o.world.violate("S5", "%s was reaped although nothing happened to it (draining: %t): %s", h.claim.Owner, h.node.drainingAt != 0, brief(w.before))
	}
}

// crashed notes what a machine takes with it.
func (o *oracle) crashed(n *node) {
	for _, h := range o.world.holding(n) {
		h.crashed = true
		if !h.over {
			o.losses = append(o.losses, &loss{h.claim.Key.String(), h.claim.Epoch, o.world.now, n.leads})
		}
	}
}

// holding lists the holders on a machine that still hold their job in the table, sorted by job.
func (w *world) holding(n *node) []*holder {
	var held []*holder
	for _, id := range w.ids {
		item, err := job.FromItem(w.table.get(job.Key{ContentType: contentType, ID: id}.String()))
		if err != nil || item.State != job.Running {
			continue
		}
		if h := w.oracle.holders[item.Owner]; h != nil && h.node == n {
			held = append(held, h)
		}
	}
	return held
}

// restarted measures L2.
func (o *oracle) restarted(j job.Job) {
	for i, l := range o.losses {
		if l.key != j.Key.String() || j.Epoch <= l.epoch {
			continue
		}
		o.losses = append(o.losses[:i], o.losses[i+1:]...)
		o.world.restarts = append(o.world.restarts, Restart{After: o.world.now - l.at, Sweeper: l.sweeper})
		return
	}
}

// leaves checks L3 once budget has passed since a notice to drain: no slot is at work any more.
func (o *oracle) leaves(n *node, budget time.Duration) {
	w := o.world
	w.after(budget*9/8+w.setup.Lease/4+2*sdkLimit, func() {
		for _, p := range n.slots {
			if p.busy && p.holder != nil && !p.doomed && !p.dead && !n.frozen && n.frozeAt < n.drainingAt && w.control != LateStamp {
				w.violate("L3", "%s still works on %s, %s after the budget of the drain", p.name, p.holder.claim.ID, w.now-n.leaveBy)
			}
		}
	})
}

// drained checks L3: a drain ends soon after its budget, which a Spot interruption may have cut.
func (o *oracle) drained(n *node) {
	w := o.world
	most := n.leaveBy - n.drainingAt + w.setup.Lease + 2*sdkLimit + time.Minute
	took := w.now - n.drainingAt
	if n.frozeAt < n.drainingAt && w.control != LateStamp && took*9/10 > most {
		w.violate("L3", "%s took %s to drain, %s after its budget", n.name, took, w.now-n.leaveBy)
	}
	w.drains = append(w.drains, took)
}
