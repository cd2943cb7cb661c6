package lease_test

import (
	"context"
	"encoding/json"
	"fmt"
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

// long is JSON that does not fit into an item.
func long(at int64) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"at":%d,"filler":%q}`, at, strings.Repeat("x", job.InlineCursor)))
}

func longCheckpoint(at int64) *protocol.Checkpoint {
	return &protocol.Checkpoint{Cursor: long(at), Version: "mail@1", Progress: protocol.Progress{Done: at, Total: 100, Unit: "messages"}}
}

// resume claims the READY job and hands it to a new slot.
func (w *world) resume() (*lease.Attempt, *fakeSlot) {
	w.t.Helper()
	w.clock.pass(time.Hour)
	claimed, err := w.claimer().Take(w.t.Context(), queue.Message{ID: "m", Body: fmt.Sprintf(`{"bell":"one","epoch":%d}`, w.job().Epoch)})
	if err != nil || claimed == nil {
		w.t.Fatalf("claimed %v, error %v", claimed, err)
	}
	s := &fakeSlot{}
	return lease.Begin(w.t.Context(), w.deps, *claimed, s), s
}

func TestLargePayloadStandsInTheBucket(t *testing.T) {
	w := newWorld(t)
	payload := string(long(0))
	claimed, err := w.claimer().Take(t.Context(), queue.Message{ID: "m", Body: `{"id":"one","payload":` + payload + `}`})
	if err != nil || claimed == nil {
		t.Fatalf("claimed %v, error %v", claimed, err)
	}
	lease.Begin(t.Context(), w.deps, *claimed, w.slot)
	if got := w.slot.orders[0].Run.Payload; string(got) != payload {
		t.Errorf("the slot was given a payload of %d bytes, want %d", len(got), len(payload))
	}
	j := w.job()
	if len(j.Payload) != 0 || j.Schema != contract.SchemaSpilled {
		t.Errorf("payload of %d bytes in an item of schema %d", len(j.Payload), j.Schema)
	}
	if diff := cmp.Diff([]string{j.PayloadRef}, w.blobs.Keys()); diff != "" {
		t.Errorf("objects (-named by the item +there):\n%s", diff)
	}
}

func TestLargeCursorsStandInTheBucketOneAtATime(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	if j := w.job(); j.Schema != contract.SchemaPlain {
		t.Errorf("a small job is of schema %d", j.Schema)
	}
	for at := int64(1); at <= 3; at++ {
		a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(at)})
		w.live(a, 15*time.Second)
	}
	j := w.job()
	if j.Cursor != "" || j.Done != 3 || j.Schema != contract.SchemaSpilled {
		t.Errorf("cursor of %d bytes, done %d, schema %d", len(j.Cursor), j.Done, j.Schema)
	}
	if diff := cmp.Diff([]string{j.CursorRef}, w.blobs.Keys()); diff != "" {
		t.Errorf("objects (-named by the item +there):\n%s", diff)
	}
	a.Drain("signal", timing.DrainBudget)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: longCheckpoint(4)}))
	_, s := w.resume()
	if got := s.orders[0].Run.Cursor; string(got) != string(long(4)) {
		t.Errorf("the next holder was given %.40s", got)
	}
	if got := len(w.blobs.Keys()); got != 1 {
		t.Errorf("%d objects, want only the last cursor", got)
	}
}

func TestSmallCursorReplacesALargeOne(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
	w.live(a, 15*time.Second)
	a.Report(t.Context(), checkpoint(2))
	w.live(a, 15*time.Second)
	if j := w.job(); j.Cursor != `{"at":2}` || j.CursorRef != "" || len(w.blobs.Keys()) != 0 {
		t.Errorf("cursor %q, ref %q, objects %v", j.Cursor, j.CursorRef, w.blobs.Keys())
	}
}

// TestBucketOutageCostsNoJobAnything: heartbeats go on, a drain falls back to the last durable cursor, and a
// claim of what cannot be read is handed back uncounted.
func TestBucketOutageCostsNoJobAnything(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
	w.live(a, 15*time.Second)
	w.blobs.away = true
	a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(2)})
	w.live(a, 10*time.Minute)
	if j := w.job(); a.Over() || j.Done != 2 || !strings.HasPrefix(j.CursorRef, "jobs/mail/one/cursor.1.1.") {
		t.Fatalf("over %t, done %d, cursor %s", a.Over(), j.Done, j.CursorRef)
	}
	a.Drain("signal", timing.DrainBudget)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: longCheckpoint(3)}))
	if j := w.job(); j.State != job.Ready || j.Drains != 1 || !strings.HasPrefix(j.CursorRef, "jobs/mail/one/cursor.1.1.") {
		t.Fatalf("state %s, drains %d, cursor %s", j.State, j.Drains, j.CursorRef)
	}
	b, s := w.resume()
	j := w.job()
	if !b.Over() || !b.SlotUsable() || len(s.orders) != 0 || j.State != job.Ready || j.Failures+j.Crashes != 0 || !strings.Contains(j.LastError, "cursor") {
		t.Errorf("over %t, slot usable %t, orders %d, job %+v", b.Over(), b.SlotUsable(), len(s.orders), j)
	}
	w.blobs.away = false
	_, s = w.resume()
	if got := s.orders[0].Run.Cursor; string(got) != string(long(1)) {
		t.Errorf("after the outage the slot was given %.40s", got)
	}
}

func TestDoneJobWhoseResultCannotBeWrittenGoesOnLater(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	w.blobs.away = true
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done, Checkpoint: longCheckpoint(100)}))
	if j := w.job(); j.State != job.Ready || j.Failures+j.Crashes+j.Drains != 0 || !strings.Contains(j.LastError, "last cursor") {
		t.Errorf("job %+v", j)
	}
}

func TestJobWhoseCursorIsGoneIsDead(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Drain("signal", timing.DrainBudget)
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: longCheckpoint(1)}))
	if err := w.blobs.Delete(context.Background(), w.job().CursorRef); err != nil {
		t.Fatal(err)
	}
	w.resume()
	if j := w.job(); j.State != job.Dead || !strings.Contains(j.LastError, "there is no such object") {
		t.Errorf("state %s, last error %q", j.State, j.LastError)
	}
}

func TestSilentSlotIsKilledAndItsJobHasFailedOnce(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	a.Report(t.Context(), protocol.Report{Progress: &protocol.Progress{Done: 1}})
	w.live(a, timing.Stall-time.Second)
	if w.slot.killed {
		t.Fatal("killed too early")
	}
	w.live(a, 2*time.Second)
	if !w.slot.killed || a.Over() {
		t.Fatalf("killed %t, over %t", w.slot.killed, a.Over())
	}
	w.live(a, 5*time.Minute) // the process takes its time to end: the lease is kept
	a.Ended(t.Context(), protocol.ErrKilled)
	if j := w.job(); j.State != job.Ready || j.Failures != 1 || !strings.Contains(j.LastError, "neither progress nor a checkpoint for 1h") {
		t.Errorf("state %s, failures %d, last error %q", j.State, j.Failures, j.LastError)
	}
}

func TestEveryReportIsASignOfLife(t *testing.T) {
	w := newWorld(t)
	a := w.begin()
	for at := int64(1); at <= 5; at++ {
		w.live(a, timing.Stall-time.Second)
		if at%2 == 0 {
			a.Report(t.Context(), checkpoint(at))
		} else {
			a.Report(t.Context(), protocol.Report{Progress: &protocol.Progress{Done: at}})
		}
	}
	if w.slot.killed || a.Over() {
		t.Errorf("killed %t, over %t", w.slot.killed, a.Over())
	}
}

// TestBellsOfJobsForLaterArePassedOn: the message of a job that is not due yet, or that a newer release
// must take, is replaced by a bell that comes later.
func TestBellsOfJobsForLaterArePassedOn(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		in     time.Duration
	}{
		"not due yet":        {map[string]any{contract.AttrNotBefore: time.UnixMilli(1_700_000_000_000).Add(4 * time.Minute).UnixMilli()}, 4 * time.Minute},
		"of a newer release": {map[string]any{contract.AttrSchema: int64(contract.Schema + 1)}, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.table.Write(t.Context(), submitted(w)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.table.Write(t.Context(), job.Write{Op: "test", Key: one.String(), Set: c.change}); err != nil {
				t.Fatal(err)
			}
			if err := w.queue.Send(t.Context(), `{"bell":"one","epoch":0}`, 0); err != nil {
				t.Fatal(err)
			}
			messages, err := w.queue.Receive(t.Context(), 10, 0)
			if err != nil {
				t.Fatal(err)
			}
			in := &lease.Intake{Inbox: w.queue, Claimer: w.claimer(), Log: w.deps.Log}
			if err := in.Take(t.Context(), messages, func(lease.Claimed) { t.Error("claimed") }); err != nil {
				t.Fatal(err)
			}
			in.DeleteUsed(t.Context())
			w.clock.pass(c.in - time.Second)
			if got := w.bells(); len(got) != 0 {
				t.Errorf("too early: %v", got)
			}
			w.clock.pass(time.Second)
			if diff := cmp.Diff([]string{`{"bell":"one","epoch":0}`}, w.bells()); diff != "" {
				t.Errorf("bells (-want +got):\n%s", diff)
			}
			if w.job().Failures+w.job().Crashes != 0 {
				t.Error("it counted against the job")
			}
		})
	}
}
