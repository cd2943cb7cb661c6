package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Violation is a broken invariant. Those of the harness:
//   - S9: an operator's change is applied to what its author read. L4: leadership of the sweep heals.
//   - B1: no bell is rung before its time. B2: no job is handed back without a bell. T1: no job is claimed before its time.
//   - F1: the failures of a job are their pauses apart. F2: a job that is handed back for nobody's fault pauses.
//   - E1: what may still run never expires. R1: no job goes back behind its cursor. M1: what is no message is dead-lettered.
//   - O1: no object is deleted that a job needs. O2: who ends a job for good deletes its payload.
//   - D1: a drain cuts no claim, no holder's call, no deletion of a used message. D2: no claim begins during a drain.
//   - W1, W2: nothing is received while the content type is paused, or while table or bucket is away.
//   - P1 … P5: sweeps, restarts of idle slots, probes, failing receives and failing starts of slots keep their pauses.
//   - I1: a sick instance ends no job and counts nothing against it. I2: it takes none.
//   - K1: a job at its limit of failures or crashes does not go on. K2: a crash counts one more at the cursor of the crash before,
//     as the first one at another cursor, and nothing else changes the count but a redrive.
//   - C1: a worker on which each job fails takes one at a time, after a pause.
type Violation struct {
	Seed      uint64
	Invariant string // of the design, S1 … S8, L1 … L3, or one of the harness's own
	At        time.Duration
	What      string
}

func (v *Violation) String() string {
	return fmt.Sprintf("seed %d: %s violated at %s: %s", v.Seed, v.Invariant, v.At, v.What)
}

// violate takes down the first violation and stops the world.
func (w *world) violate(invariant, format string, args ...any) {
	if w.violation == nil {
		w.violation = &Violation{Seed: w.seed, Invariant: invariant, At: w.now, What: fmt.Sprintf(format, args...)}
		w.note("VIOLATION of %s: %s", invariant, w.violation.What)
	}
}

// oracle judges each write that was applied by what its author meant, and by the item before and after.
// It knows what really happened to machines and processes, and never asks the worker.
type oracle struct {
	world   *world
	holders map[string]*holder // by owner
	losses  []*loss
	learnt  map[string]learnt       // claims whose claimer was answered that it holds the job, by owner
	ledAt   time.Duration           // when nextSweep was last moved
	paused  map[*node]time.Duration // since when each machine is answered that the content type is paused
	looked  map[*node]time.Duration // when each machine was first answered what the control item holds
}

// write is one applied write under judgement.
type write struct {
	job.Write
	before, after job.Item
	was, is       job.Job // zero where there is none
	script        *script
}

func (o *oracle) judge(meant job.Write, before, after job.Item, by *caller) {
	o.fenced(meant, before)
	if isControl(meant.Key) {
		if meant.Op == "lead sweep" {
			o.healed()
			o.ledAt = o.world.now
		}
		return
	}
	w := write{Write: meant, before: before, after: after}
	var err error
	if before != nil {
		if w.was, err = job.FromItem(before); err != nil {
			o.world.violate("S2", "%v", err)
			return
		}
	}
	if w.is, err = job.FromItem(after); err != nil {
		o.world.violate("S2", "%v", err)
		return
	}
	if w.script = o.world.jobs[w.is.ID]; w.script == nil {
		o.world.violate("S3", "%s: %s made a job that nobody submitted", w.Op, w.Key)
		return
	}
	o.author(w)
	o.monotone(w)
	o.terminal(w)
	o.indexed(w)
	o.blameless(w, by)
	o.counters(w)
	o.limits(w, by)
	o.steered(w)
	o.rung(w, by)
	o.early(w, by)
	o.apart(w)
	o.returned(w)
	o.expiry(w, by)
	o.outputs(w)
	switch w.Op {
	case "reap":
		o.reaped(w)
	case "hand back":
		by.holder.owes(w.is, by.clock.Now())
	}
	o.remember(w)
}

// meant is the value that the author of the write required of an attribute.
func (w write) meant(attr string) (any, bool) {
	i := slices.IndexFunc(w.If, func(c job.Cond) bool { return c.Attr == attr && c.Op == job.Equal })
	if i < 0 {
		return nil, false
	}
	return w.If[i].Value, true
}

// byHolder reports whether the author wrote as the holder of the job.
func (w write) byHolder() bool { _, ok := w.meant(contract.AttrOwner); return ok }

// author checks S1: only the holder of the current epoch changes a RUNNING job, reap and operators aside.
func (o *oracle) author(w write) {
	epoch, _ := w.meant(contract.AttrEpoch)
	owner, _ := w.meant(contract.AttrOwner)
	switch {
	case w.byHolder():
		if w.was.State != job.Running || w.was.Epoch != epoch || w.was.Owner != owner {
			o.world.violate("S1", "%s of epoch %v by %v was applied to %s", w.Op, epoch, owner, brief(w.before))
		}
	case w.was.State == job.Running && !slices.Contains([]string{"reap", "cancel", "pause", "resume"}, w.Op):
		o.world.violate("S1", "%s was applied to a RUNNING job, %s", w.Op, brief(w.before))
	}
}

// monotone checks S2: epoch and seq never decrease, each claim and handoff is one epoch, and the cursor
// moves with seq alone.
func (o *oracle) monotone(w write) {
	moved := w.was.State != w.is.State || w.was.Owner != w.is.Owner
	switch {
	case w.before == nil:
	case w.is.Epoch < w.was.Epoch || w.is.Seq < w.was.Seq:
		o.world.violate("S2", "%s: %s -> %s", w.Op, brief(w.before), brief(w.after))
	case moved != (w.is.Epoch == w.was.Epoch+1):
		o.world.violate("S2", "%s is not one epoch: %s -> %s", w.Op, brief(w.before), brief(w.after))
	case w.Op != "erase" && (w.is.Cursor != w.was.Cursor || w.is.CursorRef != w.was.CursorRef) && w.is.Seq == w.was.Seq:
		o.world.violate("S2", "%s changed the cursor at the same seq: %s -> %s", w.Op, brief(w.before), brief(w.after))
	}
}

// terminal checks S3: terminal states absorb, except an explicit redrive, and only submissions and
// operators make jobs.
func (o *oracle) terminal(w write) {
	switch {
	case w.before == nil:
		if !slices.Contains([]string{"submit", "claim submission", "cancel"}, w.Op) {
			o.world.violate("S3", "%s made the job %s", w.Op, w.Key)
		}
		if w.script.ended {
			o.world.violate("S3", "%s of a job that had ended and expired", w.Op)
		}
	case w.was.State.Terminal() && !w.afterEnd():
		o.world.violate("S3", "%s was applied to %s", w.Op, brief(w.before))
	}
}

// afterEnd reports whether a job that has ended may be changed like that: an operator gives a DEAD one a new life, or gives
// it up, and erases what one that is DONE or CANCELLED holds of its tenant.
func (w write) afterEnd() bool {
	switch w.Op {
	case "redrive", "give up":
		return w.was.State == job.Dead
	case "erase":
		return w.was.State != job.Dead && w.is.State == w.was.State && w.is.Epoch == w.was.Epoch && w.is.Expires.Equal(w.was.Expires)
	}
	return false
}

// indexed checks S4: every READY, RUNNING or DEAD job is in the index where it belongs, no other is.
func (o *oracle) indexed(w write) {
	sort, _ := w.after[contract.AttrDueSort].(string)
	partition, _ := w.after[contract.AttrDuePartition].(string)
	want := ""
	switch w.is.State {
	case job.Ready:
		want = job.DueReady(w.is.RingAt)
	case job.Running:
		want = job.DueRunning
	case job.Dead:
		want = sort
		if !strings.HasPrefix(sort, job.DueDeadFirst) {
			want = job.DueDeadFirst
		}
	}
	if sort != want || (partition == "") != (want == "") {
		o.world.violate("S4", "after %s the index has %q in %q, want %q: %s", w.Op, sort, partition, want, brief(w.after))
	}
}

// counters checks S5, as far as one write shows it: no counter says more than what really happened.
func (o *oracle) counters(w write) {
	r, released := w.Add[contract.AttrDrains]
	lost := w.script.lost // its own loss is counted after a reap is judged
	if w.Op == "reap" {
		lost++
	}
	switch {
	case released && r > 0 && (w.is.Crashes != w.was.Crashes || w.is.Failures != w.was.Failures):
		o.world.violate("S5", "a drain counted against the job: %s -> %s", brief(w.before), brief(w.after))
	case w.is.Failures > w.script.raised:
		o.world.violate("S5", "%d failures counted, %d happened: %s", w.is.Failures, w.script.raised, brief(w.after))
	case w.is.Crashes > lost:
		o.world.violate("S5", "%d crashes counted, %d processes were lost: %s", w.is.Crashes, lost, brief(w.after))
	case w.Op != "reap" && w.is.Crashes > w.was.Crashes:
		o.world.violate("S5", "%s raised the crashes: %s -> %s", w.Op, brief(w.before), brief(w.after))
	case w.is.State == job.Dead && w.was.State != job.Dead && !o.deserved(w):
		o.world.violate("S5", "a job that did not deserve it is DEAD: %s", brief(w.after))
	}
}

func (o *oracle) deserved(w write) bool {
	return w.script.bad || w.is.Failures >= int64(o.world.setup.FailureLimit) || w.is.Crashes >= o.world.setup.crashLimit
}

// steered checks S6: a cancelled job is never claimed nor handed on, a paused one is not claimed.
func (o *oracle) steered(w write) {
	claims := w.is.State == job.Running && w.was.State != job.Running
	handsOn := w.is.State == job.Ready && w.was.State == job.Running
	switch {
	case claims && (w.was.CancelRequested || w.was.Paused):
		o.world.violate("S6", "%s took a paused or cancelled job: %s", w.Op, brief(w.before))
	case handsOn && w.was.CancelRequested:
		o.world.violate("S6", "%s made a cancelled job READY: %s", w.Op, brief(w.before))
	}
}

// rung checks B1: a bell is not rung before its time, on the clock of whoever rings it.
func (o *oracle) rung(w write, by *caller) {
	if w.Op == "ring" && (w.was.State != job.Ready || w.was.RingAt.After(by.clock.Now())) {
		o.world.violate("B1", "%s rang at %s a job due at %s: %s", by.name(), by.clock.Now(), w.was.RingAt, brief(w.before))
	}
}

// outputs checks S7: what a cursor references exists and is what was referenced; and R1: a saved cursor is
// never lost.
func (o *oracle) outputs(w write) {
	same := w.is.Cursor == w.was.Cursor && w.is.CursorRef == w.was.CursorRef && w.is.State == w.was.State
	if same || w.is.Cursor == "" && w.is.CursorRef == "" {
		return
	}
	var c cursor
	text, err := o.world.objects.cursor(w.is)
	if err == nil {
		err = json.Unmarshal([]byte(text), &c)
	}
	if err != nil {
		o.world.violate("S7", "cursor %q or %q: %v", w.is.Cursor, w.is.CursorRef, err)
		return
	}
	if c.At < w.script.reached {
		o.world.violate("R1", "%s went back from step %d to %d: %s", w.Op, w.script.reached, c.At, brief(w.after))
	}
	w.script.reached = c.At
	if len(c.Outputs) != c.At || w.is.State == job.Done && c.At != len(w.script.steps) {
		o.world.violate("S7", "the cursor references %d outputs at step %d of %d: %s", len(c.Outputs), c.At, len(w.script.steps), brief(w.after))
	}
	for _, r := range c.Outputs {
		if content, ok := o.world.outputs[r.Name]; !ok || content != r.Content {
			o.world.violate("S7", "%s references output %s as %q, it is %q", brief(w.after), r.Name, r.Content, content)
		}
	}
}

// remember keeps what later writes are judged by.
func (o *oracle) remember(w write) {
	w.script.existed = true
	w.script.ended, w.script.done = w.is.State.Terminal(), w.is.State == job.Done
	if w.Op == "redrive" {
		w.script.raised, w.script.lost = 0, 0
	}
	if w.is.State == job.Running && w.was.State != job.Running {
		o.restarted(w.is)
	}
}

// brief shows an item in a line.
func brief(item job.Item) string {
	if item == nil {
		return "nothing"
	}
	j, err := job.FromItem(item)
	if err != nil {
		return fmt.Sprintf("sweeper %v next %v", item[contract.AttrSweeper], item[contract.AttrNextSweep])
	}
	text := fmt.Sprintf("%s %s e%d b%d s%d at %d", j.ID, j.State, j.Epoch, j.Heartbeats, j.Seq, j.Done)
	for _, flag := range []struct {
		name string
		set  bool
	}{{"paused", j.Paused}, {"cancel", j.CancelRequested}} {
		if flag.set {
			text += " " + flag.name
		}
	}
	return fmt.Sprintf("%s drains %d crashes %d failures %d rings %d %v", text, j.Drains, j.Crashes, j.Failures, j.Rings, item[contract.AttrDueSort])
}
