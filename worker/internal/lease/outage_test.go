package lease_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

func TestPastTheLeaseNothingIsWritten(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.clock.pass(timing.Lease) // frozen past the lease; nobody took the job over
	before := len(w.table.writes)
	a.Report(t.Context(), checkpoint(50))
	a.Tick(t.Context())
	if !a.Over() || !w.slot.killed || len(w.table.writes) != before {
		t.Errorf("over %t, killed %t, writes %v", a.Over(), w.slot.killed, w.table.writes[before:])
	}
}

func TestOutageShorterThanTheLeaseIsSatOut(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	away := w.clock.mono + 50*time.Second
	tries := 0
	w.table.fail = func(string) bool { tries++; return w.clock.mono < away }
	w.live(a, 5*time.Minute)
	if a.Over() || w.slot.killed {
		t.Fatal("the job was given up")
	}
	if tries > 60 {
		t.Errorf("%d calls in an outage of 50 s: a hot loop", tries)
	}
}

func TestOutageLongerThanTheLeaseEndsTheAttemptOnTime(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	deadline := w.slot.deadline()
	w.table.fail = always
	w.live(a, 10*time.Minute)
	if !a.Over() || !w.slot.killed || w.clock.mono != deadline {
		t.Errorf("over %t, killed %t, at %s, want the end at the deadline %s", a.Over(), w.slot.killed, w.clock.mono, deadline)
	}
}

func TestLostAnswersChangeNothing(t *testing.T) {
	t.Run("checkpoint", func(t *testing.T) {
		w := newWorld(t)
		a := w.begin()
		w.table.lose = once("checkpoint")
		a.Report(t.Context(), checkpoint(10))
		w.live(a, time.Minute)
		a.Report(t.Context(), checkpoint(20))
		w.live(a, time.Minute)
		if j := w.job(); a.Over() || j.Done != 20 {
			t.Errorf("over %t, job %+v", a.Over(), j)
		}
	})
	t.Run("handback", func(t *testing.T) {
		w := newWorld(t)
		a := w.begin()
		w.table.lose = once("hand back")
		a.Drain("signal", timing.DrainBudget)
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped}))
		if j := w.job(); j.State != job.Ready || j.Drains != 1 || j.Epoch != 2 {
			t.Errorf("job %+v", j)
		}
		if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
			t.Errorf("bells (-want +got):\n%s", diff)
		}
	})
	t.Run("end", func(t *testing.T) {
		w := newWorld(t)
		a := w.begin()
		w.table.lose = once("finish DONE")
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done}))
		if j := w.job(); !a.Over() || j.State != job.Done || j.Epoch != 2 {
			t.Errorf("over %t, job %+v", a.Over(), j)
		}
	})
}
