package lease_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// TestClaimThatIsNotTakenUpAtOnceIsTakenUpLater: the table may be away again.
func TestClaimThatIsNotTakenUpAtOnceIsTakenUpLater(t *testing.T) {
	w := newWorld(t)
	c := w.claimer()
	submission := message(`{"id":"one","payload":{}}`)
	w.table.lose = always
	if _, err := c.Take(t.Context(), submission); !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	w.table.lose = nil
	w.table.fail = func(op string) bool { return op == "heartbeat" }
	if claimed, err := c.Take(t.Context(), submission); claimed != nil || !errors.Is(err, errOutage) {
		t.Fatalf("claimed %v, error %v, want the outage", claimed, err)
	}
	w.table.fail = nil
	if claimed, err := c.Take(t.Context(), submission); err != nil || claimed == nil || claimed.Job.Epoch != 1 {
		t.Errorf("claimed %v, error %v: the job would count a crash", claimed, err)
	}
}

// TestClaimThatWasReapedIsNotTakenUp: another worker may hold the job.
func TestClaimThatWasReapedIsNotTakenUp(t *testing.T) {
	w := newWorld(t)
	c := w.claimer()
	submission := message(`{"id":"one","payload":{}}`)
	w.table.lose = always
	if _, err := c.Take(t.Context(), submission); !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	w.table.lose = nil
	w.table.fail = func(op string) bool {
		if op == "heartbeat" { // just before it a sweeper takes the job
			if _, err := w.table.Memory.Write(t.Context(), job.Reap(w.job(), 5, w.clock.Now())); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	if claimed, err := c.Take(t.Context(), submission); err != nil || claimed != nil {
		t.Errorf("claimed %v, error %v, want neither", claimed, err)
	}
	if w.job().State != job.Ready {
		t.Errorf("job %+v, want it reaped", w.job())
	}
}

// TestMessageOfAJobThatIsNotDueYet is passed on as long as the queue can keep it back. For longer the sweeper rings.
func TestMessageOfAJobThatIsNotDueYet(t *testing.T) {
	for in, passed := range map[time.Duration]bool{time.Millisecond: true, queue.MaxDelay: true, queue.MaxDelay + time.Millisecond: false} {
		w := newWorld(t)
		due := w.clock.Now().Add(in)
		a := w.begin()
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later, At: w.clock.Now().Add(time.Hour)}))
		if _, err := w.table.Memory.Write(t.Context(), job.Write{Op: "test", Key: "mail#one", Set: job.Item{"notBefore": due.UnixMilli()}}); err != nil {
			t.Fatal(err)
		}
		claimed, err := w.take(`{"bell":"one","epoch":2}`)
		later, isLater := errors.AsType[*lease.LaterError](err)
		if claimed != nil || isLater != passed || passed && (later.In != in || later.Bell != job.Bell{ID: "one", Epoch: 2}) || !passed && err != nil {
			t.Errorf("due in %s: claimed %v, error %v", in, claimed, err)
		}
	}
}

// TestBellOfAHandBackForLater is sent as long as the queue can keep it back. For longer the sweeper rings at the very time.
func TestBellOfAHandBackForLater(t *testing.T) {
	for in, want := range map[time.Duration][]string{
		queue.MaxDelay: {`{"bell":"one","epoch":2}`}, queue.MaxDelay + time.Millisecond: nil,
	} {
		w := newWorld(t)
		a := w.begin()
		due := w.clock.Now().Add(in)
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later, At: due}))
		rings := due
		if want != nil {
			rings = due.Add(job.RingDelay(0))
		}
		if j := w.job(); !j.NotBefore.Equal(due) || !j.RingAt.Equal(rings) {
			t.Errorf("for later in %s: due at %s, rung at %s, want %s and %s", in, j.NotBefore, j.RingAt, due, rings)
		}
		w.clock.pass(in)
		if diff := cmp.Diff(want, w.bells()); diff != "" {
			t.Errorf("for later in %s: bells (-want +got):\n%s", in, diff)
		}
	}
}

// TestZombieDeletesNoResult: a job was taken over and brought to its end by another holder, from the cursor of the first.
// That cursor is what came out of it.
func TestZombieDeletesNoResult(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.clock.pass(timing.Checkpoint)
	a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
	saved := w.job()
	if saved.CursorRef == "" {
		t.Fatal("the cursor does not stand in the bucket")
	}
	for _, write := range []job.Write{
		job.Reap(saved, 5, w.clock.Now()), job.ClaimReady(saved.Key, 2, "i-2/1", timing.Lease, w.clock.Now()),
		job.Finish(job.Claim{Key: saved.Key, Epoch: 3, Owner: "i-2/1"}, job.End{State: job.Done}, w.clock.Now()),
	} {
		if _, err := w.table.Memory.Write(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done, Checkpoint: longCheckpoint(2)}))
	if _, err := w.blobs.Memory.Get(t.Context(), saved.CursorRef); err != nil || w.job().CursorRef != saved.CursorRef {
		t.Errorf("the result of the job: %v, %s", err, w.job().CursorRef)
	}
}
