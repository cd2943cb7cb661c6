package lease_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// again claims the job once it is due.
func (w *world) again() lease.Claimed {
	w.t.Helper()
	j := w.job()
	w.clock.pass(max(0, j.NotBefore.Sub(w.clock.Now())))
	claimed, err := w.take(job.Bell{ID: j.ID, Epoch: j.Epoch}.JSON())
	if err != nil || claimed == nil {
		w.t.Fatalf("claimed %v, error %v", claimed, err)
	}
	return *claimed
}

// TestWhatIsNobodysFaultPausesAndEnds: each such hand-back has a least pause, and a thousand in a row make the job DEAD.
func TestWhatIsNobodysFaultPausesAndEnds(t *testing.T) {
	report := func(o protocol.Outcome) func(*world, *lease.Attempt) {
		return func(w *world, a *lease.Attempt) { a.Report(w.t.Context(), outcome(o)) }
	}
	for name, c := range map[string]struct {
		slot fakeSlot
		end  func(*world, *lease.Attempt)
		why  string
	}{
		"a time that is past": {end: report(protocol.Outcome{Kind: protocol.Later, At: time.Unix(0, 0)}), why: "it was to go on later"},
		"no time":             {end: report(protocol.Outcome{Kind: protocol.Later, Error: "busy"}), why: "busy"},
		"a newer cursor":      {end: report(protocol.Outcome{Kind: protocol.Unfit, Error: "cursor of mail@9"}), why: "cursor of mail@9"},
		"a sick instance":     {end: report(protocol.Outcome{Kind: protocol.Sick, Error: "no space left on device"}), why: "the instance's fault: no space left on device"},
		"stopped unasked":     {end: report(protocol.Outcome{Kind: protocol.Stopped, Error: "at work"}), why: "at work"},
		"a slot that had ended": {slot: fakeSlot{deaf: true}, why: "before it had the job: exit status 1", end: func(w *world, a *lease.Attempt) {
			a.Ended(w.t.Context(), errors.New("exit status 1"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.slot = &c.slot
			c.end(w, w.begin())
			for n := int64(1); ; n++ {
				j := w.job()
				if j.State == job.Dead {
					if n != 1000 || !strings.Contains(j.LastError, "1000 times in a row") || !strings.Contains(j.LastError, c.why) || j.Failures != 0 {
						t.Errorf("DEAD after %d: %+v", n, j)
					}
					return
				}
				if wait := j.NotBefore.Sub(w.clock.Now()); j.State != job.Ready || j.Returns != n || wait < 15*time.Second {
					t.Fatalf("after %d: state %s, %d returns, wait %s", n, j.State, j.Returns, wait)
				}
				c.end(w, w.attempt(w.again()))
			}
		})
	}
}

// TestWhoseFaultASlotsEndIs: before the slot has the job the end is the instance's fault, after its first report the job's.
func TestWhoseFaultASlotsEndIs(t *testing.T) {
	for name, c := range map[string]struct {
		before   []protocol.Report
		failures int64
		fault    string
	}{
		"before a report": {fault: "the slot ended before it had the job: exit status 1"},
		"after a report":  {before: []protocol.Report{{Progress: &protocol.Progress{}}}, failures: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.begin()
			for _, r := range c.before {
				a.Report(t.Context(), r)
			}
			a.Ended(t.Context(), errors.New("exit status 1"))
			if j := w.job(); j.Failures != c.failures || j.Crashes+j.Drains != 0 || a.Account().Fault != c.fault || a.SlotUsable() {
				t.Errorf("failures %d, fault %q, want %d, %q", j.Failures, a.Account().Fault, c.failures, c.fault)
			}
		})
	}
}

// TestAnotherInstanceGetsASickOnesJobSoon: the pauses grow only for a job with which no instance gets on.
func TestAnotherInstanceGetsASickOnesJobSoon(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	for n := range 40 {
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Sick, Error: "no space left on device"}))
		wait := w.job().NotBefore.Sub(w.clock.Now())
		if n < 4 && wait != 15*time.Second || wait > 15*time.Minute {
			t.Fatalf("hand-back %d: due again in %s", n, wait)
		}
		if a.SlotUsable() {
			t.Fatal("the slot takes another job")
		}
		a = w.attempt(w.again())
	}
}

// TestADrainOfASickInstanceIsADrain counts as such.
func TestADrainOfASickInstanceIsADrain(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Drain("signal", timing.DrainBudget)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Sick, Error: "no space left on device"}))
	if j := w.job(); j.Drains != 1 || j.Returns != 0 || j.Failures != 0 || j.State != job.Ready {
		t.Errorf("job %+v", j)
	}
}

// TestReturnsCountWithoutANewerCursor: a job that gets on may come back as often as it likes.
func TestReturnsCountWithoutANewerCursor(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	for n, c := range []struct {
		outcome protocol.Outcome
		returns int64
	}{
		{protocol.Outcome{Kind: protocol.Later}, 1},
		{protocol.Outcome{Kind: protocol.Later}, 2},
		{protocol.Outcome{Kind: protocol.Later, Checkpoint: position(1)}, 1},
		{protocol.Outcome{Kind: protocol.Later, Checkpoint: position(1)}, 2}, // the same one again
		{protocol.Outcome{Kind: protocol.Retry, Error: "no route"}, 2},
		{protocol.Outcome{Kind: protocol.Retry, Error: "no route", Checkpoint: longCheckpoint(2)}, 0},
		{protocol.Outcome{Kind: protocol.Later}, 1},
		{protocol.Outcome{Kind: protocol.Later, Checkpoint: longCheckpoint(2)}, 2}, // in another object
	} {
		a.Report(t.Context(), outcome(c.outcome))
		if j := w.job(); j.Returns != c.returns {
			t.Fatalf("%d: %d returns, want %d after %+v", n, j.Returns, c.returns, c.outcome)
		}
		a = w.attempt(w.again())
	}
}

// TestAnOrderThatCannotBeEncodedIsDead: no slot of any worker can take the job.
func TestAnOrderThatCannotBeEncodedIsDead(t *testing.T) {
	w := newWorld(t)
	w.slot.refuses = fmt.Errorf("%w: invalid character", protocol.ErrUnencodable)
	a := w.begin()
	if j := w.job(); !a.Over() || !a.SlotUsable() || w.slot.killed || j.State != job.Dead || !strings.Contains(j.LastError, "invalid character") {
		t.Errorf("over %t, slot usable %t and killed %t, job %+v", a.Over(), a.SlotUsable(), w.slot.killed, j)
	}
}
