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
		"stopped unasked":     {end: report(protocol.Outcome{Kind: protocol.Stopped, Error: "at work"}), why: "at work"},
		"a slot that had ended": {slot: fakeSlot{deaf: true}, why: "before it took the job", end: func(w *world, a *lease.Attempt) {
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
