package sim

import (
	"context"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// The rules that concern single attributes of job items and control items.

// isControl reports whether key is a control item's.
func isControl(key string) bool { return strings.HasPrefix(key, "control#") }

// fenced checks S9: an operator's change is applied to the item that its author read, never after another
// operator's change.
func (o *oracle) fenced(meant job.Write, before job.Item) {
	for _, c := range meant.If {
		if c.Attr == contract.AttrSteered && !c.Holds(before) {
			o.world.violate("S9", "%s was applied after another operator's change: its author read %v, the item has %v", meant.Op, c.Value, before[contract.AttrSteered])
		}
	}
}

// expiry checks E1: no job that may still run has a ttl, or the table would delete it. A job that has ended outlives
// every message about it.
func (o *oracle) expiry(w write, by *caller) {
	switch {
	case !w.is.State.Terminal() && !w.is.Expires.IsZero():
		o.world.violate("E1", "after %s an unfinished job expires at %s: %s", w.Op, w.is.Expires, brief(w.after))
	case w.is.State.Terminal() && w.is.Expires.Sub(by.clock.Now()) < 2*contract.QueueRetention:
		o.world.violate("E1", "after %s a finished job expires at %s, before its last message: %s", w.Op, w.is.Expires, brief(w.after))
	}
}

// early checks T1: no job is claimed before its time, on the claimer's clock.
func (o *oracle) early(w write, by *caller) {
	if w.is.State == job.Running && w.was.State != job.Running && w.was.NotBefore.After(by.clock.Now()) {
		o.world.violate("T1", "%s took at %s a job that is not due before %s: %s", w.Op, by.clock.Now(), w.was.NotBefore, brief(w.before))
	}
}

// apart checks F1: a job that has failed is not due before its pause is over, on the clock of the worker that counted the
// failure. T1 sees that nobody claims it before.
func (o *oracle) apart(w write) {
	shortest, _ := o.world.setup.Pause(w.was.Failures)
	if w.is.State == job.Ready && w.is.Failures > w.was.Failures && w.is.NotBefore.Sub(w.is.UpdatedAt) < shortest {
		o.world.violate("F1", "failure %d at %s is followed by no pause of %s: %s, due at %s", w.is.Failures, w.is.UpdatedAt, shortest, brief(w.after), w.is.NotBefore)
	}
}

// limits checks K1: no job goes on at one of its limits. And K2: a crash counts one more where the cursor is that of the
// crash before, and as the first one where it is another. No other write changes the count, a redrive aside.
func (o *oracle) limits(w write, by *caller) {
	if !w.is.State.Terminal() && (w.is.Failures >= int64(o.world.setup.FailureLimit) || w.is.Crashes >= o.world.setup.crashLimit) {
		o.world.violate("K1", "%s lets a job go on that has %d failures of %d and %d crashes of %d: %s", w.Op,
			w.is.Failures, o.world.setup.FailureLimit, w.is.Crashes, o.world.setup.crashLimit, brief(w.after))
	}
	counted := w.Op == "reap" && !w.was.CancelRequested
	if !counted && w.Op != "redrive" && w.before != nil && w.is.Crashes != w.was.Crashes {
		o.world.violate("K2", "%s changed the crashes: %s -> %s", w.Op, brief(w.before), brief(w.after))
	}
	if w.Op == "redrive" {
		w.script.crashes = 0
	}
	if !counted {
		return
	}
	seen, _ := job.FromItem(by.release().reads(w.before)) // an older release does not know where long cursors are
	cursor, _ := o.world.objects.cursor(seen)             // S7 judges whether it can be read
	if cursor != w.script.crashedAt {
		w.script.crashes = 0
	}
	w.script.crashes, w.script.crashedAt = w.script.crashes+1, cursor
	if w.is.Crashes != w.script.crashes {
		o.world.violate("K2", "a reap counted %d crashes, there were %d at this cursor: %s", w.is.Crashes, w.script.crashes, brief(w.after))
	}
}

// leastReturn is the shortest pause after a hand-back for nobody's fault.
const leastReturn = 15 * time.Second

// returned checks F2: a job that is handed back, neither drained nor failed nor paused, is not due at once. A pause that
// ended before the hand-back counts: its holder may have seen it.
func (o *oracle) returned(w write) {
	h := o.holders[w.was.Owner]
	if h != nil && w.is.Paused {
		h.paused = true
	}
	excused := w.is.Drains > w.was.Drains || w.is.Failures > w.was.Failures || w.was.Paused || h != nil && h.paused
	if w.Op == "hand back" && !excused && w.is.NotBefore.Sub(w.is.UpdatedAt) < leastReturn {
		o.world.violate("F2", "handed back for nobody's fault and due again at %s: %s", w.is.NotBefore, brief(w.after))
	}
}

// settling is how long a machine may go on claiming after it was answered that the content type is paused: its sweep
// goes on to its end, and so do a long poll and the claims of what it brought.
const settling = 8 * time.Minute

// looks takes down what a machine was answered that the control item holds.
func (o *oracle) looks(n *node, control job.Item) {
	if n == nil {
		return
	}
	if _, ok := o.looked[n]; !ok {
		o.looked[n] = o.world.now
	}
	paused, _ := control[contract.AttrPaused].(bool)
	if _, known := o.paused[n]; !paused {
		delete(o.paused, n)
	} else if !known {
		o.paused[n] = o.world.now
	}
}

// sends judges a write as its author sends it, before the network has it.
func (o *oracle) sends(ctx context.Context, w job.Write, by *caller) {
	if ctx.Err() != nil || by.node == nil {
		return
	}
	n, now := by.node, o.world.now
	claims := w.Op == "claim" || w.Op == "claim submission"
	if since, paused := o.paused[n]; claims && paused && now-since > settling && n.frozeAt < since {
		o.world.violate("S6", "%s sends a %s of %s, %s after it was answered that the content type is paused", n.name, w.Op, w.Key, now-since)
	}
	if h := by.holder; h != nil && hasCond(w, contract.AttrOwner) && n.Monotonic() >= h.deadline {
		o.world.violate("S1", "%s sends a %s of %s, %s after its own deadline", n.name, w.Op, w.Key, n.Monotonic()-h.deadline)
	}
}
