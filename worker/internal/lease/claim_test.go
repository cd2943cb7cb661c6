package lease_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

var one = job.Key{ContentType: "mail", ID: "one"}

func TestTake(t *testing.T) {
	submission := `{"id":"one","tenant":"acme","payload":{"n":1}}`
	cases := map[string]struct {
		before []func(w *world) job.Write // what happened to the job before
		body   string
		claims bool
		epoch  int64 // of the claim
	}{
		"a submission creates and claims":         {body: submission, claims: true, epoch: 1},
		"without an id the message id is the id":  {body: `{"payload":1}`, claims: true, epoch: 1},
		"a submission of a READY job claims it":   {before: []func(*world) job.Write{submitted}, body: submission, claims: true, epoch: 1},
		"a submission of a RUNNING job is no-op":  {before: []func(*world) job.Write{running}, body: submission},
		"a submission of a finished job is no-op": {before: []func(*world) job.Write{running, finished}, body: submission},
		"a bell claims a READY job":               {before: []func(*world) job.Write{submitted}, body: `{"bell":"one","epoch":0}`, claims: true, epoch: 1},
		"an old bell finds the job's epoch":       {before: []func(*world) job.Write{running, handedBack}, body: `{"bell":"one","epoch":0}`, claims: true, epoch: 3},
		"a bell never creates":                    {body: `{"bell":"one","epoch":0}`},
		"a bell of a paused job is no-op":         {before: []func(*world) job.Write{submitted, pausedReady}, body: `{"bell":"one","epoch":0}`},
		"a bell of a cancelled job is no-op":      {before: []func(*world) job.Write{cancelled}, body: `{"bell":"one","epoch":0}`},
		"a bell before the time is no-op":         {before: []func(*world) job.Write{running, postponed}, body: `{"bell":"one","epoch":2}`},
		"unknown keys are for later releases":     {body: `{"id":"one","payload":1,"priority":3}`, claims: true, epoch: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, write := range c.before {
				if _, err := w.table.Write(t.Context(), write(w)); err != nil {
					t.Fatal(err)
				}
			}
			claimed, err := w.claimer().Take(t.Context(), queue.Message{ID: "one", Body: c.body})
			if err != nil {
				t.Fatal(err)
			}
			if (claimed != nil) != c.claims {
				t.Fatalf("claimed %+v, want a claim: %t", claimed, c.claims)
			}
			if !c.claims {
				return
			}
			stored := w.job()
			if diff := cmp.Diff(stored, claimed.Job); diff != "" || stored.State != job.Running || stored.Epoch != c.epoch || !strings.HasPrefix(stored.Owner, "i-1/") {
				t.Errorf("claimed at epoch %d, want %d (-stored +claimed):\n%s", claimed.Job.Epoch, c.epoch, diff)
			}
			if want := w.clock.mono + timing.Lease; claimed.Deadline != want {
				t.Errorf("deadline %s, want %s", claimed.Deadline, want)
			}
		})
	}
}

var asSubmitted = job.Submission{Tenant: "acme", Payload: []byte(`{"n":1}`)}

func submitted(w *world) job.Write { return job.Submit(one, asSubmitted, w.clock.Now()) }
func running(w *world) job.Write {
	return job.ClaimSubmission(one, asSubmitted, "other", time.Minute, w.clock.Now())
}
func other(epoch int64) job.Claim { return job.Claim{Key: one, Epoch: epoch, Owner: "other"} }
func finished(w *world) job.Write {
	return job.Finish(other(1), job.End{State: job.Done}, w.clock.Now())
}
func handedBack(w *world) job.Write {
	return job.HandBack(other(1), job.Return{Drained: true, BellAt: w.clock.Now()}, w.clock.Now())
}
func postponed(w *world) job.Write {
	return job.HandBack(other(1), job.Return{NotBefore: w.clock.Now().Add(time.Hour), BellAt: w.clock.Now()}, w.clock.Now())
}
func pausedReady(w *world) job.Write {
	return job.Pause(job.Job{Key: one, State: job.Ready}, w.clock.Now())
}
func cancelled(w *world) job.Write { return job.Cancel(one, nil, w.clock.Now()) }

func TestWhatBreaksTheEnvelopeIsRejectedWithItsReason(t *testing.T) {
	for body, want := range map[string]string{
		`hello`:                             "not JSON",
		`[1]`:                               "not a JSON object",
		`"text"`:                            "not a JSON object",
		`null`:                              "not a JSON object",
		`{}`:                                "payload: is missing",
		`{"payload":{},"id":7}`:             "id: 7 is not a string",
		`{"payload":{},"id":"a/b"}`:         `id "a/b"`,
		`{"payload":{},"tenant":[]}`:        "tenant: [] is not a string",
		`{"bell":"one","epoch":"x"}`:        `epoch: "x" is not a whole number`,
		`{"bell":""}`:                       `id ""`,
		`{"payload":1}` + " " + `{"a":1}`:   "not JSON",
		`{"payload":"` + string(big) + `"}`: "payload: 16777219 bytes, want at most 16777216",
	} {
		w := newWorld(t)
		_, err := w.claimer().Take(t.Context(), queue.Message{ID: "m", Body: body})
		rejected, ok := errors.AsType[*lease.RejectedError](err)
		if !ok || !strings.Contains(rejected.Reason, want) {
			t.Errorf("%.40s: error %v, want a rejection with %q", body, err, want)
		}
		if len(w.table.writes) != 0 {
			t.Errorf("%.40s: reached the table: %v", body, w.table.writes)
		}
	}
}

var big = []byte(strings.Repeat("x", job.MaxPayload+1))

func TestClaimWhoseAnswerIsLostIsRecognised(t *testing.T) {
	for _, op := range []string{"claim submission", "claim"} {
		w := newWorld(t)
		body := `{"id":"one","payload":{}}`
		if op == "claim" {
			if _, err := w.table.Memory.Write(t.Context(), submitted(w)); err != nil {
				t.Fatal(err)
			}
			body = `{"bell":"one","epoch":0}`
		}
		w.table.lose = once(op)
		stamp := w.clock.mono
		claimed, err := w.claimer().Take(t.Context(), queue.Message{ID: "m", Body: body})
		if err != nil || claimed == nil || claimed.Job.Epoch != 1 {
			t.Fatalf("%s: claimed %+v, error %v", op, claimed, err)
		}
		if claimed.Deadline != stamp+timing.Lease {
			t.Errorf("%s: the lease runs until %s, want it to run from before the first try: %s", op, claimed.Deadline, stamp+timing.Lease)
		}
	}
}

func TestMessageIsKeptWhileTheTableIsAway(t *testing.T) {
	w := newWorld(t)
	w.table.fail = always
	_, err := w.claimer().Take(t.Context(), queue.Message{ID: "m", Body: `{"id":"one","payload":{}}`})
	if !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	if _, rejected := errors.AsType[*lease.RejectedError](err); rejected {
		t.Error("an outage rejects the message")
	}
	if w.clock.mono > timing.Lease {
		t.Errorf("gave up after %s, want well within the lease", w.clock.mono)
	}
}

// TestClaimThatWasGivenUpIsTakenUpAgain: the write had been applied, and its message comes back to the same
// worker. Nobody works on the job: without this it would count a crash.
func TestClaimThatWasGivenUpIsTakenUpAgain(t *testing.T) {
	w := newWorld(t)
	w.table.lose = always
	c := w.claimer()
	message := queue.Message{ID: "m", Body: `{"id":"one","payload":{}}`}
	if _, err := c.Take(t.Context(), message); !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	w.table.lose = nil
	w.clock.pass(timing.Lease)
	stamp := w.clock.mono
	claimed, err := c.Take(t.Context(), message)
	if err != nil || claimed == nil || claimed.Job.Epoch != 1 || claimed.Deadline != stamp+timing.Lease {
		t.Fatalf("claimed %+v, error %v", claimed, err)
	}
	if j := w.job(); j.Heartbeats != 1 || j.Owner != claimed.Job.Owner {
		t.Errorf("heartbeat %d by %s, want the lease renewed", j.Heartbeats, j.Owner)
	}
	if again, err := c.Take(t.Context(), message); again != nil || err != nil {
		t.Errorf("a second message claims the job once more: %+v, %v", again, err)
	}
}

func TestIntakeDeletesOnlyWhatIsClaimedOrDone(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"id":"one","payload":{}}`, `garbage`, `{"id":"two","payload":{}}`, `{"id":"three","payload":{}}`} {
		if err := w.queue.Send(t.Context(), body, 0); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := w.queue.Receive(t.Context(), 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	claims := 0
	w.table.fail = func(string) bool { return claims == 1 } // away after the first
	in := &lease.Intake{Inbox: w.queue, Claimer: w.claimer(), Log: w.deps.Log}
	if err := in.Take(t.Context(), messages, func(lease.Claimed) { claims++ }); !errors.Is(err, errOutage) {
		t.Errorf("error %v, want the outage", err)
	}
	in.DeleteUsed(t.Context())
	if claims != 1 {
		t.Errorf("%d claims, want 1", claims)
	}
	if rejected := w.queue.Rejected(); len(rejected) != 1 || rejected[0].Body != "garbage" || !strings.HasPrefix(rejected[0].Reason, "not JSON") {
		t.Errorf("rejected %+v", rejected)
	}
	w.clock.pass(time.Minute) // the visibility timeout
	if diff := cmp.Diff([]string{`{"id":"two","payload":{}}`, `{"id":"three","payload":{}}`}, w.bells()); diff != "" {
		t.Errorf("left in the queue (-want +got):\n%s", diff)
	}
}

// deletions counts the requests that delete messages.
type deletions struct {
	*queue.Memory
	sizes []int
}

func (d *deletions) Delete(ctx context.Context, messages []queue.Message) error {
	d.sizes = append(d.sizes, len(messages))
	return d.Memory.Delete(ctx, messages)
}

func TestUsedMessagesAreDeletedTenAtATime(t *testing.T) {
	w := newWorld(t)
	inbox := &deletions{Memory: w.queue}
	in := &lease.Intake{Inbox: inbox, Claimer: w.claimer(), Log: w.deps.Log}
	for i := range 23 { // as of a loaded worker whose slots become free one by one
		if err := w.queue.Send(t.Context(), fmt.Sprintf(`{"id":"%d","payload":{}}`, i), 0); err != nil {
			t.Fatal(err)
		}
		messages, err := w.queue.Receive(t.Context(), 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Take(t.Context(), messages, func(lease.Claimed) {}); err != nil {
			t.Fatal(err)
		}
	}
	in.DeleteUsed(t.Context())
	in.DeleteUsed(t.Context())
	if diff := cmp.Diff([]int{10, 10, 3}, inbox.sizes); diff != "" {
		t.Errorf("messages of each deletion (-want +got):\n%s", diff)
	}
	w.clock.pass(time.Minute) // the visibility timeout
	if left := w.bells(); len(left) != 0 {
		t.Errorf("left in the queue: %v", left)
	}
}
