package lease_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// beginLarge claims a job whose payload and first cursor stand in the bucket.
func (w *world) beginLarge() *lease.Attempt {
	w.t.Helper()
	claimed, err := w.claimer().Take(w.t.Context(), message(`{"id":"one","payload":`+string(long(0))+`}`))
	if err != nil || claimed == nil {
		w.t.Fatalf("claimed %v, error %v", claimed, err)
	}
	a := lease.Begin(w.t.Context(), w.deps, *claimed, w.slot)
	a.Report(w.t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
	w.live(a, 15*time.Second)
	if got := len(w.blobs.Keys()); got != 2 {
		w.t.Fatalf("%d objects, want payload and cursor", got)
	}
	return a
}

// TestEndedJobLeavesOnlyWhatIsNeeded in the bucket: of a DONE job the cursor, which is its result, of a DEAD one what a
// redrive needs, of a CANCELLED one nothing.
func TestEndedJobLeavesOnlyWhatIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		outcome protocol.Outcome
		cancel  bool
		state   job.State
		payload bool
		cursor  bool
	}{
		"done":                   {outcome: protocol.Outcome{Kind: protocol.Done}, state: job.Done, cursor: true},
		"done with a new cursor": {outcome: protocol.Outcome{Kind: protocol.Done, Checkpoint: longCheckpoint(2)}, state: job.Done, cursor: true},
		"done, small at last":    {outcome: protocol.Outcome{Kind: protocol.Done, Checkpoint: position(2)}, state: job.Done},
		"dead":                   {outcome: protocol.Outcome{Kind: protocol.Permanent, Checkpoint: longCheckpoint(2)}, state: job.Dead, payload: true, cursor: true},
		"cancelled":              {outcome: protocol.Outcome{Kind: protocol.Stopped, Checkpoint: longCheckpoint(2)}, cancel: true, state: job.Cancelled},
		"tried again":            {outcome: protocol.Outcome{Kind: protocol.Retry}, state: job.Ready, payload: true, cursor: true},
	} {
		for _, answer := range []string{"comes", "is lost"} {
			t.Run(name+", the answer "+answer, func(t *testing.T) {
				w := newWorld(t)
				a := w.beginLarge()
				if c.cancel {
					j := w.job()
					if _, err := w.table.Memory.Write(t.Context(), job.Cancel(one, &j, w.clock.Now())); err != nil {
						t.Fatal(err)
					}
					w.live(a, 25*time.Second)
				}
				lost := answer == "comes"
				w.table.lose = func(op string) bool {
					now := !lost && (strings.HasPrefix(op, "finish") || op == "hand back")
					lost = lost || now
					return now
				}
				a.Report(t.Context(), outcome(c.outcome))
				j := w.job()
				if j.State != c.state || j.PayloadRef == "" {
					t.Fatalf("state %s, payload %q: the item goes on naming it", j.State, j.PayloadRef)
				}
				want := []string{}
				if c.cursor {
					want = append(want, j.CursorRef)
				}
				if c.payload {
					want = append(want, j.PayloadRef)
				}
				if diff := cmp.Diff(want, w.blobs.Keys()); diff != "" {
					t.Errorf("objects (-want +there):\n%s", diff)
				}
			})
		}
	}
}

// TestObjectThatCannotBeDeletedChangesNothing: the job is DONE, the slot takes the next one, and the tries are few.
func TestObjectThatCannotBeDeletedChangesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.beginLarge()
	w.blobs.keep = true
	before, deadline := w.clock.mono, w.clock.mono+timing.Lease
	a.Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Done}))
	if j := w.job(); j.State != job.Done || a.Outcome() != lease.Ending(job.Done) || !a.SlotUsable() {
		t.Errorf("state %s, outcome %s, slot usable %t", j.State, a.Outcome(), a.SlotUsable())
	}
	if w.blobs.deletes != 3 || w.clock.mono > deadline {
		t.Errorf("%d tries in %s", w.blobs.deletes, w.clock.mono-before)
	}
}

// TestPayloadWrittenForAJobThatAnotherMadeIsDeleted: a duplicate that found no item may write the payload of a job that has
// ended meanwhile.
func TestPayloadWrittenForAJobThatAnotherMadeIsDeleted(t *testing.T) {
	body := func(at int64) string { return fmt.Sprintf(`{"id":"one","payload":%s}`, long(at)) }
	for name, c := range map[string]struct {
		made int64 // of the other submission
		end  job.State
		keep bool
	}{
		"ended":           {end: job.Done},
		"dead":            {end: job.Dead, keep: true},
		"running":         {keep: true},
		"another payload": {made: 7},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claimer := w.claimer()
			claimer.Store = &late{table: w.table, meanwhile: func() {
				s := job.Submission{ID: "one", Payload: long(c.made)}
				if err := lease.Spill(t.Context(), w.blobs, one, &s); err != nil {
					t.Fatal(err)
				}
				item, err := w.table.Write(t.Context(), job.ClaimSubmission(one, s, "other", time.Minute, w.clock.Now()))
				if err != nil {
					t.Fatal(err)
				}
				j, err := job.FromItem(item)
				if err != nil {
					t.Fatal(err)
				}
				if c.end != "" {
					if _, err := w.table.Write(t.Context(), job.Finish(j.Claim(), job.End{State: c.end}, w.clock.Now())); err != nil {
						t.Fatal(err)
					}
				}
			}}
			if claimed, _ := claimer.Take(t.Context(), message(body(0))); claimed != nil {
				t.Fatal("claimed")
			}
			_, err := w.blobs.Get(context.Background(), job.PayloadRef(one, long(0)))
			if (err == nil) != c.keep {
				t.Errorf("the payload is there: %t", err == nil)
			}
		})
	}
}

// late has something happen between a claimer's look and its claim.
type late struct {
	*table
	meanwhile func()
}

func (l *late) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if w.Op == "claim submission" {
		l.meanwhile()
	}
	return l.table.Write(ctx, w)
}

// TestPayloadOfANewerReleasesItemStays: it may be named in a way that this release cannot read.
func TestPayloadOfANewerReleasesItemStays(t *testing.T) {
	w := newWorld(t)
	claimer := w.claimer()
	claimer.Store = &late{table: w.table, meanwhile: func() {
		write := job.Submit(one, job.Submission{Payload: []byte("{}")}, w.clock.Now())
		write.Set[contract.AttrSchema] = int64(contract.Schema + 1)
		if _, err := w.table.Write(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}}
	_, _ = claimer.Take(t.Context(), message(`{"id":"one","payload":`+string(long(0))+`}`))
	if len(w.blobs.Keys()) != 1 {
		t.Errorf("objects %v", w.blobs.Keys())
	}
}
