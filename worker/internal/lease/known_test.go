package lease_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// take hands a message to a claimer of another worker than the one that holds the job.
func (w *world) take(body string) (*lease.Claimed, error) {
	w.t.Helper()
	return w.claimer().Take(w.t.Context(), queue.Message{ID: "m", Body: body})
}

// TestSecondSubmissionOfAnID: the same submission again is a duplicate, and silent. Another one under the same id would
// be lost without a word, so that it is rejected, whatever became of the job.
func TestSecondSubmissionOfAnID(t *testing.T) {
	small := func(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }
	large := func(n int) string { return string(long(int64(n))) }
	for size, payload := range map[string]func(int) string{"small": small, "large": large} {
		for state, end := range map[string]func(w *world, c lease.Claimed){
			"RUNNING": func(*world, lease.Claimed) {},
			"READY": func(w *world, c lease.Claimed) {
				w.must(job.HandBack(c.Job.Claim(), job.Return{BellAt: w.clock.Now()}, w.clock.Now()))
			},
			"DONE": func(w *world, c lease.Claimed) {
				w.must(job.Finish(c.Job.Claim(), job.End{State: job.Done}, w.clock.Now()))
			},
			"CANCELLED": func(w *world, c lease.Claimed) {
				w.must(job.Finish(c.Job.Claim(), job.End{State: job.Cancelled}, w.clock.Now()))
			},
		} {
			t.Run(size+" "+state, func(t *testing.T) {
				w := newWorld(t)
				submission := func(n int, tenant string) string {
					return fmt.Sprintf(`{"id":"one","tenant":%q,"payload":%s}`, tenant, payload(n))
				}
				first, err := w.take(submission(1, "acme"))
				if err != nil || first == nil {
					t.Fatalf("claimed %v, error %v", first, err)
				}
				end(w, *first)
				before, puts := w.job(), w.blobs.puts
				for body, part := range map[string]string{submission(2, "acme"): "payload", submission(1, "other"): "tenant"} {
					claimed, err := w.take(body)
					rejected, ok := errors.AsType[*lease.RejectedError](err)
					if claimed != nil || !ok || !strings.Contains(rejected.Reason, "id one is taken: its job ("+state) || !strings.Contains(rejected.Reason, "has another "+part) {
						t.Errorf("another %s: claimed %v, error %v", part, claimed, err)
					}
				}
				if diff := cmp.Diff(before, w.job()); diff != "" {
					t.Errorf("the job was changed (-before +after):\n%s", diff)
				}
				if claimed, err := w.take(submission(1, "acme")); err != nil || (claimed != nil) != (state == "READY") {
					t.Errorf("the same again: claimed %v, error %v", claimed, err)
				}
				if w.blobs.puts != puts {
					t.Errorf("%d payloads were written for a job that exists", w.blobs.puts-puts)
				}
			})
		}
	}
}

func (w *world) must(write job.Write) {
	w.t.Helper()
	if _, err := w.table.Memory.Write(w.t.Context(), write); err != nil {
		w.t.Fatal(err)
	}
}

// TestCancelBeforeTheJobForestallsItSilently: the id was reserved, and no payload is known to differ from.
func TestCancelBeforeTheJobForestallsItSilently(t *testing.T) {
	w := newWorld(t)
	w.must(cancelled(w))
	if claimed, err := w.take(`{"id":"one","payload":{"n":1}}`); claimed != nil || err != nil {
		t.Errorf("claimed %v, error %v", claimed, err)
	}
}

// TestOtherSubmissionLeavesAClaimOfUnknownOutcomeToItsMessage: the claim may have been applied, and its own message
// takes it up again.
func TestOtherSubmissionLeavesAClaimOfUnknownOutcomeToItsMessage(t *testing.T) {
	w := newWorld(t)
	c := w.claimer()
	w.table.lose = always
	mine := queue.Message{ID: "m", Body: `{"id":"one","payload":1}`}
	if _, err := c.Take(t.Context(), mine); !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	w.table.lose = nil
	_, err := c.Take(t.Context(), queue.Message{ID: "n", Body: `{"id":"one","payload":2}`})
	if _, rejected := errors.AsType[*lease.RejectedError](err); !rejected {
		t.Errorf("error %v, want a rejection", err)
	}
	if claimed, err := c.Take(t.Context(), mine); err != nil || claimed == nil {
		t.Errorf("claimed %v, error %v, want the claim taken up", claimed, err)
	}
}

// TestUnknownStateOfANewerReleaseIsPassedOn: the schema says that another release can read the job. In an item that this
// release should be able to read, an unknown state is a defect.
func TestUnknownStateOfANewerReleaseIsPassedOn(t *testing.T) {
	for _, body := range []string{`{"bell":"one","epoch":0}`, `{"id":"one","payload":{"n":2}}`} {
		w := newWorld(t)
		newer := submitted(w)
		newer.Set[contract.AttrState], newer.Set[contract.AttrSchema] = "ARCHIVED", int64(contract.Schema+1)
		w.must(newer)
		claimed, err := w.take(body)
		later, ok := errors.AsType[*lease.LaterError](err)
		if claimed != nil || !ok || later.Bell.ID != "one" || later.In <= 0 {
			t.Errorf("%s: claimed %v, error %v, want its bell passed on", body, claimed, err)
		}
		w.must(job.Write{Key: one.String(), Set: job.Item{contract.AttrSchema: int64(contract.Schema)}})
		_, err = w.take(body)
		if rejected, ok := errors.AsType[*lease.RejectedError](err); !ok || !strings.Contains(rejected.Reason, `unknown state "ARCHIVED"`) {
			t.Errorf("%s: error %v, want a rejection", body, err)
		}
	}
}
