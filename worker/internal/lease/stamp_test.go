package lease_test

import (
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

const call = 7 * time.Second

// slowly makes each call to the table take that long.
func (w *world) slowly() {
	w.table.fail = func(string) bool { w.clock.pass(call); return false }
}

// TestALeaseRunsFromBeforeTheCall that began or renewed it: a sweeper that saw the write as it was sent gives the job
// to another worker before a lease that began with the answer would end.
func TestALeaseRunsFromBeforeTheCall(t *testing.T) {
	for name, began := range map[string]func(w *world) (before time.Duration){
		"a claim of a submission": func(w *world) time.Duration {
			w.slowly()
			before := w.clock.mono
			w.begin()
			return before
		},
		"a claim of a READY job": func(w *world) time.Duration {
			if _, err := w.table.Write(t.Context(), job.Submit(job.Key{ContentType: "mail", ID: "one"}, job.Submission{Payload: []byte("{}")}, w.clock.Now())); err != nil {
				t.Fatal(err)
			}
			w.slowly()
			before := w.clock.mono
			w.attempt(w.again())
			return before
		},
		"a claim that is taken up again": func(w *world) time.Duration {
			c := w.claimer()
			w.table.lose = always
			if _, err := c.Take(t.Context(), message(`{"id":"one","payload":{}}`)); err == nil {
				t.Fatal("claimed without an answer")
			}
			w.table.lose = nil
			var before time.Duration
			w.table.fail = func(op string) bool {
				if op == "heartbeat" {
					before = w.clock.mono
				}
				w.clock.pass(call)
				return false
			}
			claimed, err := c.Take(t.Context(), message(`{"id":"one","payload":{}}`))
			if err != nil || claimed == nil {
				t.Fatalf("claimed %v, error %v", claimed, err)
			}
			w.attempt(*claimed)
			return before
		},
		"a heartbeat": func(w *world) time.Duration {
			a := w.begin()
			w.clock.pass(timing.Heartbeat)
			w.slowly()
			before := w.clock.mono
			a.Tick(t.Context())
			return before
		},
		"a checkpoint": func(w *world) time.Duration {
			a := w.begin()
			w.clock.pass(timing.Checkpoint)
			w.slowly()
			before := w.clock.mono
			a.Report(t.Context(), checkpoint(10))
			return before
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := began(w)
			if got, want := w.slot.deadline(), before+timing.Lease; got != want || w.clock.mono < before+call {
				t.Errorf("the slot is told a deadline of %s, want %s: a lease after the call began", got, want)
			}
		})
	}
}
