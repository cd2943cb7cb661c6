package lease_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// repeating does each write twice and answers what the second try is answered, as the SDK does where the first answer
// is lost. It leaves the item out of refusals if mute, and its reads fail if unreadable.
type repeating struct {
	*table
	mute, unreadable bool
}

func (r *repeating) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if _, err := r.table.Write(ctx, w); err != nil {
		return nil, err
	}
	item, err := r.table.Write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok && r.mute {
		refused.Current = nil
	}
	return item, err
}

func (r *repeating) Get(ctx context.Context, key string) (job.Item, error) {
	if r.unreadable {
		return nil, errOutage
	}
	return r.table.Get(ctx, key)
}

// TestWriteThatTheSDKDoesTwiceIsRecognised: a holder keeps its job after a checkpoint, and tidies up after the end.
func TestWriteThatTheSDKDoesTwiceIsRecognised(t *testing.T) {
	for _, mute := range []bool{false, true} {
		w := newWorld(t)
		w.deps.Store = &repeating{table: w.table, mute: mute}
		claimed, err := w.take(`{"id":"one","payload":` + string(long(0)) + `}`)
		if err != nil || claimed == nil {
			t.Fatalf("claimed %v, error %v", claimed, err)
		}
		a := w.attempt(*claimed)
		w.clock.pass(timing.Checkpoint)
		a.Report(t.Context(), checkpoint(10))
		if a.Over() || w.slot.killed || w.job().Done != 10 {
			t.Fatalf("mute %t: over %t, job %+v", mute, a.Over(), w.job())
		}
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done}))
		if j := w.job(); j.State != job.Done || j.Epoch != 2 || len(w.blobs.Keys()) != 0 {
			t.Errorf("mute %t: job %+v, objects %v", mute, j, w.blobs.Keys())
		}
	}
}

// TestRefusalThatCannotBeReadIsTriedAgain: it may be the second try of the holder's own write.
func TestRefusalThatCannotBeReadIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	claimed, err := w.take(`{"id":"one","payload":{}}`)
	if err != nil || claimed == nil {
		t.Fatalf("claimed %v, error %v", claimed, err)
	}
	r := &repeating{table: w.table, mute: true, unreadable: true}
	w.deps.Store = r
	a := w.attempt(*claimed)
	w.clock.pass(timing.Checkpoint)
	a.Report(t.Context(), checkpoint(10))
	if a.Over() {
		t.Fatal("the job was given up")
	}
	r.unreadable = false
	w.live(a, 3*timing.Lease)
	if a.Over() || w.job().Done != 10 {
		t.Errorf("over %t, job %+v", a.Over(), w.job())
	}
}

// takenOver reaps the job and has another worker claim it, which saves so many checkpoints.
func (w *world) takenOver(checkpoints int64) {
	w.t.Helper()
	write := func(write job.Write) {
		w.t.Helper()
		if _, err := w.table.Memory.Write(w.t.Context(), write); err != nil {
			w.t.Fatal(err)
		}
	}
	write(job.Reap(w.job(), 5, w.clock.Now()))
	write(job.ClaimReady(w.job().Key, w.job().Epoch, "i-2/1", timing.Lease, w.clock.Now()))
	for range checkpoints {
		write(job.SaveCheckpoint(w.job().Claim(), job.Checkpoint{Seq: w.job().Seq + 1, Cursor: "1", Version: "mail@1"}, w.clock.Now()))
	}
}

// TestCheckpointsOfAnotherHolderAreNotOnesOwn, although their numbers are as high.
func TestCheckpointsOfAnotherHolderAreNotOnesOwn(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.clock.pass(timing.Checkpoint)
	w.takenOver(5)
	a.Report(t.Context(), checkpoint(10))
	if !a.Over() || !w.slot.killed || a.Outcome() != lease.Refused {
		t.Errorf("over %t, slot killed %t, outcome %s", a.Over(), w.slot.killed, a.Outcome())
	}
}

// TestZombieDeletesNothingOfARunningJob: the holder that took the job over needs its payload and its last cursor.
func TestZombieDeletesNothingOfARunningJob(t *testing.T) {
	for _, kind := range []protocol.Kind{protocol.Done, protocol.Stopped, protocol.Retry} {
		w := newWorld(t)
		claimed, err := w.take(`{"id":"one","payload":` + string(long(0)) + `}`)
		if err != nil || claimed == nil {
			t.Fatalf("claimed %v, error %v", claimed, err)
		}
		a := w.attempt(*claimed)
		w.clock.pass(timing.Checkpoint)
		a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
		w.takenOver(0)
		a.Report(t.Context(), outcome(protocol.Outcome{Kind: kind, Error: "no", Checkpoint: longCheckpoint(2)}))
		for _, ref := range []string{w.job().PayloadRef, w.job().CursorRef} {
			if _, err := w.blobs.Memory.Get(t.Context(), ref); err != nil || ref == "" {
				t.Errorf("%v: %q: %v", kind, ref, err)
			}
		}
	}
}

// TestNoCallOutlivesTheLease: shortly before its end a call may take no longer than is left.
func TestNoCallOutlivesTheLease(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.clock.pass(timing.Lease - time.Second)
	w.table.calls, w.blobs.calls = nil, nil
	a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
	if len(w.table.calls) == 0 || len(w.blobs.calls) == 0 {
		t.Fatal("no checkpoint was written")
	}
	for _, d := range append(w.table.calls, w.blobs.calls...) {
		if d > time.Second {
			t.Errorf("a call may take %s, the lease ends in a second", d)
		}
	}
}

// TestDrainsAndPausesKeepTheCountOfReturns: they are no progress of the job. Nor is a result that could not be written.
func TestDrainsAndPausesKeepTheCountOfReturns(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later}))
	a = w.attempt(w.again())
	a.Drain("signal", timing.DrainBudget)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped}))
	if j := w.job(); j.Returns != 1 || j.Drains != 1 {
		t.Fatalf("after a drain: %+v", j)
	}
	a = w.attempt(w.again())
	if _, err := w.table.Memory.Write(t.Context(), job.Pause(w.job(), w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	w.live(a, timing.Heartbeat)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped}))
	if j := w.job(); j.Returns != 1 || j.State != job.Ready || !j.Paused {
		t.Fatalf("after a pause: %+v", j)
	}
	if _, err := w.table.Memory.Write(t.Context(), job.Resume(w.job(), w.clock.Now())); err != nil {
		t.Fatal(err)
	}
	a = w.attempt(w.again())
	w.blobs.away = true
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done, Checkpoint: longCheckpoint(1)}))
	if j := w.job(); j.Returns != 2 || j.State != job.Ready {
		t.Errorf("after a result that could not be written: %+v", j)
	}
}
