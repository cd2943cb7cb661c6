package lease_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

func TestLeaseIsRenewedAndToldToTheSlot(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.live(a, 10*time.Minute)
	if a.Over() || w.slot.killed {
		t.Fatal("the attempt ended by itself")
	}
	if got := w.table.count("heartbeat"); got != 30 {
		t.Errorf("%d heartbeats in 10 minutes, want one each %s", got, timing.Heartbeat)
	}
	if got, want := w.slot.deadline(), w.clock.mono+timing.Lease; got != want {
		t.Errorf("the slot knows the deadline %s, want %s", got, want)
	}
}

func TestCheckpointsAreCoalesced(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	for at := int64(1); at <= 600; at++ { // one a second for ten minutes
		a.Report(t.Context(), checkpoint(at))
		w.live(a, time.Second)
	}
	saved, heartbeats := w.table.count("checkpoint"), w.table.count("heartbeat")
	if saved < 58 || saved > 60 || heartbeats != 0 {
		t.Errorf("%d checkpoints and %d heartbeats written in 600 s, want one checkpoint each %s, which counts as a heartbeat", saved, heartbeats, timing.Checkpoint)
	}
	if j := w.job(); j.Done < 590 {
		t.Errorf("saved position %d of 600 lags more than a checkpoint interval", j.Done)
	}
}

func TestDone(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done, Checkpoint: position(100)}))
	j := w.job()
	if !a.Over() || !a.SlotUsable() || a.Outcome() != lease.Done || j.State != job.Done || j.Done != 100 || j.Epoch != 2 || j.Expires.IsZero() {
		t.Errorf("over %t, usable %t, job %+v", a.Over(), a.SlotUsable(), j)
	}
	if bells := w.bells(); len(bells) != 0 {
		t.Errorf("bells %v for a job that is done", bells)
	}
}

func TestDrainHandsTheJobBackAtItsBoundary(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), checkpoint(40))
	a.Drain("signal", timing.DrainBudget)
	if w.slot.drains() != 1 {
		t.Fatal("the slot was not asked to stop")
	}
	w.live(a, 25*time.Second) // a long step: heartbeats go on
	if a.Over() || w.table.count("heartbeat")+w.table.count("checkpoint") == 0 {
		t.Fatalf("over %t; writes %v", a.Over(), w.table.writes)
	}
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: position(41)}))
	j := w.job()
	want := [4]int64{1, 0, 0, 41}
	if got := [4]int64{j.Drains, j.Failures, j.Crashes, j.Done}; got != want || j.State != job.Ready || j.Epoch != 2 || j.Owner != "" {
		t.Errorf("drains, failures, crashes, done = %v, want %v; %+v", got, want, j)
	}
	if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
		t.Errorf("bells (-want +got):\n%s", diff)
	}
}

func TestDrainAbandonsAStepThatOutlivesTheBudget(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), checkpoint(40))
	a.Drain("signal", timing.DrainBudget)
	w.live(a, timing.DrainBudget)
	if !w.slot.killed {
		t.Fatal("the slot was not killed at the end of the budget")
	}
	a.Ended(t.Context(), errors.New("killed"))
	if j := w.job(); j.State != job.Ready || j.Drains != 1 || j.Failures != 0 || j.Done != 40 || j.LastError != "" {
		t.Errorf("job %+v, want it READY at its last durable cursor with no failure", j)
	}
	if a.SlotUsable() {
		t.Error("a killed slot counts as usable")
	}
}

// A Spot interruption leaves less time than the drain it comes in; what leaves more changes nothing.
func TestMoreUrgentDrainShortensTheBudget(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Drain("rebalance", time.Hour)
	w.live(a, time.Minute)
	a.Drain("spot", 90*time.Second)
	a.Drain("lifecycle", time.Hour)
	w.live(a, 89*time.Second)
	if w.slot.killed {
		t.Error("the slot was killed before its time")
	}
	w.live(a, time.Second)
	if !w.slot.killed || w.slot.drains() != 1 {
		t.Errorf("killed after 90 s %t, asked to stop %d times", w.slot.killed, w.slot.drains())
	}
}

func TestDrainIsNeverAFailure(t *testing.T) {
	for _, o := range []protocol.Outcome{{Kind: protocol.Retry, Error: "interrupted"}, {Kind: protocol.Stopped}} {
		w := newWorld(t)
		a := w.begin()
		a.Drain("signal", timing.DrainBudget)
		a.Report(t.Context(), outcome(o))
		if j := w.job(); j.Failures != 0 || j.Drains != 1 || j.State != job.Ready {
			t.Errorf("%s: job %+v", o.Kind, j)
		}
	}
}

func TestTakenOverJobIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.clock.pass(timing.Lease - time.Second) // frozen, but not past the lease by its own clock
	seen := w.job()
	if _, err := w.table.Memory.Write(t.Context(), job.Reap(seen, 5, w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	a.Report(t.Context(), checkpoint(50))
	if !a.Over() || !w.slot.killed || a.SlotUsable() {
		t.Fatalf("over %t, killed %t", a.Over(), w.slot.killed)
	}
	if j := w.job(); j.Epoch != 2 || j.Done != 0 || j.Crashes != 1 {
		t.Errorf("a zombie changed the job: %+v", j)
	}
	reached := len(w.table.writes)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done}))
	a.Ended(t.Context(), nil)
	a.Tick(t.Context())
	if len(w.table.writes) != reached {
		t.Errorf("wrote %v after the job was lost", w.table.writes[reached:])
	}
}

func TestCancelIsSeenWithTheNextBeat(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	if _, err := w.table.Memory.Write(t.Context(), job.Cancel(one, new(w.job()), w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	w.live(a, timing.Heartbeat+time.Second)
	if w.slot.drains() != 1 {
		t.Fatal("the slot was not asked to stop")
	}
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: position(9)}))
	if j := w.job(); j.State != job.Cancelled || j.Done != 9 || len(w.bells()) != 0 {
		t.Errorf("job %+v", j)
	}
}

func TestCancelBetweenTheLastBeatAndTheHandback(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Drain("signal", timing.DrainBudget)
	if _, err := w.table.Memory.Write(t.Context(), job.Cancel(one, new(w.job()), w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped}))
	if j := w.job(); j.State != job.Cancelled || len(w.bells()) != 0 {
		t.Errorf("job %+v", j)
	}
}

func TestPauseHandsBackWithoutABellOrACount(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	if _, err := w.table.Memory.Write(t.Context(), job.Pause(w.job(), w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	w.live(a, timing.Heartbeat+time.Second)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped}))
	if j := w.job(); j.State != job.Ready || !j.Paused || j.Drains != 0 || j.Failures != 0 || len(w.bells()) != 0 {
		t.Errorf("job %+v", j)
	}
}

func TestFailureIsRetriedLaterAndBoundedly(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Retry, Error: "no route to host", Checkpoint: position(5)}))
	for failures := int64(1); ; failures++ {
		j := w.job()
		if j.Failures != failures || j.LastError != "no route to host" || j.Done != 5 {
			t.Fatalf("after failure %d: %+v", failures, j)
		}
		if j.FailureLimit != 10 {
			t.Fatalf("a limit of %d, want 10", j.FailureLimit)
		}
		if failures == 10 {
			if j.State != job.Dead || j.Expires.IsZero() {
				t.Errorf("after %d failures: %+v, want it DEAD", failures, j)
			}
			return
		}
		wait := j.NotBefore.Sub(w.clock.Now())
		if shortest, longest := contract.DefaultRetry().Pause(failures - 1); j.State != job.Ready || wait < shortest || wait > longest {
			t.Fatalf("after failure %d: state %s, wait %s, want %s to %s", failures, j.State, wait, shortest, longest)
		}
		w.clock.pass(wait + time.Second)
		if wait > queue.MaxDelay { // the sweeper rings
			if err := w.queue.Send(t.Context(), job.Bell{ID: j.ID, Epoch: j.Epoch}.JSON(), 0); err != nil {
				t.Fatal(err)
			}
		}
		messages, err := w.queue.Receive(t.Context(), 1, 0)
		if err != nil || len(messages) != 1 {
			t.Fatalf("bell after the wait: %v, error %v", messages, err)
		}
		claimed, err := w.claimer().Take(t.Context(), messages[0])
		if err != nil || claimed == nil {
			t.Fatalf("claimed %v, error %v", claimed, err)
		}
		if err := w.queue.Delete(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
		w.retry(*claimed, errors.New("no route to host"))
	}
}

func TestHowAnAttemptEnds(t *testing.T) {
	later := time.UnixMilli(1_700_000_000_000).UTC().Add(time.Hour)
	for name, c := range map[string]struct {
		end      protocol.Outcome
		outcome  lease.Outcome
		state    job.State
		failures int64
		wait     time.Duration // at least
		message  string
	}{
		"permanent": {protocol.Outcome{Kind: protocol.Permanent, Error: "no such folder"}, lease.Dead, job.Dead, 0, 0, "no such folder"},
		"later":     {protocol.Outcome{Kind: protocol.Later, At: later}, lease.Returned, job.Ready, 0, time.Hour, ""},
		"unfit":     {protocol.Outcome{Kind: protocol.Unfit, Error: "cursor of mail@9"}, lease.Returned, job.Ready, 0, time.Second, "cursor of mail@9"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.begin()
			a.Report(t.Context(), outcome(c.end))
			j := w.job()
			if a.Outcome() != c.outcome || a.Outcome().Final() != j.State.Terminal() {
				t.Errorf("outcome %s, in state %s, want %s", a.Outcome(), j.State, c.outcome)
			}
			if !a.SlotUsable() || j.State != c.state || j.Failures != c.failures || j.LastError != c.message {
				t.Errorf("usable %t, job %+v", a.SlotUsable(), j)
			}
			if c.wait > 0 && j.NotBefore.Sub(w.clock.Now()) < c.wait {
				t.Errorf("not before %s, want at least %s from now", j.NotBefore, c.wait)
			}
		})
	}
	t.Run("a time in the wrong unit does not keep the job away for good", func(t *testing.T) {
		for named, want := range map[time.Time]time.Duration{
			later.Add(30 * 24 * time.Hour):               30*24*time.Hour + time.Hour,
			later.Add(40 * 24 * time.Hour):               31 * 24 * time.Hour,
			time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC):  31 * 24 * time.Hour,
			time.Date(53871, 1, 1, 0, 0, 0, 0, time.UTC): 31 * 24 * time.Hour, // milliseconds for seconds
		} {
			w := newWorld(t)
			w.begin().Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later, At: named}))
			if j := w.job(); j.State != job.Ready || j.NotBefore.Sub(w.clock.Now()).Round(time.Second) != want {
				t.Errorf("named %s: %s, due in %s, want in %s", named, j.State, j.NotBefore.Sub(w.clock.Now()), want)
			}
		}
	})
	t.Run("the sweeper rings what comes later than a message can wait", func(t *testing.T) {
		w := newWorld(t)
		w.begin().Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later, At: later}))
		if j := w.job(); !j.RingAt.Equal(later) {
			t.Errorf("ring at %s, want %s", j.RingAt, later)
		}
		w.clock.pass(30 * time.Minute)
		if bells := w.bells(); len(bells) != 0 {
			t.Errorf("bells %v before the time", bells)
		}
	})
}

func TestDeadSlotCostsItsJobAFailure(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), checkpoint(33))
	a.Ended(t.Context(), errors.New("slot 7: exit status 2: panic: boom"))
	j := w.job()
	if j.State != job.Ready || j.Failures != 1 || j.Done != 33 || !strings.Contains(j.LastError, "panic: boom") || a.SlotUsable() {
		t.Errorf("usable %t, job %+v", a.SlotUsable(), j)
	}
}

func TestSlotThatWasDeadBeforeTheJobCostsNothing(t *testing.T) {
	w := newWorld(t)
	w.slot.deaf = true
	a := w.begin()
	a.Ended(t.Context(), errors.New("gone"))
	if j := w.job(); j.State != job.Ready || j.Failures != 0 || j.Drains != 0 || !w.slot.killed {
		t.Errorf("job %+v", j)
	}
}

// TestAnswerAfterTheDeadlineIsTooLate: a supervisor that was frozen while the answer to its heartbeat waited
// has a slot that ended itself meanwhile: that is no failure of the job (found by the simulator).
func TestAnswerAfterTheDeadlineIsTooLate(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.table.fail = func(op string) bool {
		if op == "heartbeat" {
			w.clock.pass(timing.Lease)
		}
		return false
	}
	w.clock.pass(timing.Heartbeat)
	a.Tick(t.Context())
	if !a.Over() || !w.slot.killed {
		t.Fatalf("over %t, slot killed %t: want the lease lost", a.Over(), w.slot.killed)
	}
	a.Ended(t.Context(), errors.New("ended itself"))
	if j := w.job(); j.Failures != 0 || j.State != job.Running {
		t.Errorf("state %s, %d failures: nothing more may be written", j.State, j.Failures)
	}
}
