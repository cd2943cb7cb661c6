package lease_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// TestCallsAreShortBesideTheLease: an answer to a call must find its holder still a holder, with all tries of the SDK.
func TestCallsAreShortBesideTheLease(t *testing.T) {
	ends := map[string]protocol.Outcome{
		"done":    {Kind: protocol.Done, Checkpoint: longCheckpoint(3)},
		"retry":   {Kind: protocol.Retry, Error: "no", Checkpoint: longCheckpoint(3)},
		"stopped": {Kind: protocol.Stopped, Checkpoint: longCheckpoint(3)},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claimed, err := w.take(`{"id":"one","payload":` + string(long(0)) + `}`)
			if err != nil || claimed == nil {
				t.Fatalf("claimed %v, error %v", claimed, err)
			}
			a := w.attempt(*claimed)
			w.table.lose = once("checkpoint")
			a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(1)})
			w.live(a, 2*timing.Lease)
			a.Report(t.Context(), protocol.Report{Checkpoint: longCheckpoint(2)})
			w.live(a, timing.Heartbeat)
			a.Report(t.Context(), outcome(end))
			if !a.Over() || len(w.table.calls) < 6 || len(w.blobs.calls) < 4 {
				t.Fatalf("over %t, %d calls to the table, %d to the bucket", a.Over(), len(w.table.calls), len(w.blobs.calls))
			}
			for _, d := range append(w.table.calls, w.blobs.calls...) {
				if d > timing.Lease/4 {
					t.Fatalf("a call may take %s, a quarter of the lease is %s: %v %v", d, timing.Lease/4, w.table.calls, w.blobs.calls)
				}
			}
		})
	}
}

// TestClaimWhoseAnswerIsLateIsBoundedToo, with the read that some endpoints need after a refusal, and the heartbeat that
// takes up a claim again.
func TestClaimWhoseAnswerIsLateIsBoundedToo(t *testing.T) {
	w := newWorld(t)
	c := w.claimer()
	w.table.lose = always
	if _, err := c.Take(t.Context(), message(`{"id":"one","payload":1}`)); !errors.Is(err, errOutage) {
		t.Fatalf("error %v, want the outage", err)
	}
	w.table.lose = nil
	if claimed, err := c.Take(t.Context(), message(`{"id":"one","payload":1}`)); err != nil || claimed == nil {
		t.Fatalf("claimed %v, error %v", claimed, err)
	}
	for _, d := range w.table.calls {
		if d > timing.Lease/4 {
			t.Errorf("a call may take %s, a quarter of the lease is %s", d, timing.Lease/4)
		}
	}
}

// TestLastWordPastTheLeaseIsNotWritten: somebody else may hold the job by then. Nobody took it over here, so that only
// the holder itself can keep the word back.
func TestLastWordPastTheLeaseIsNotWritten(t *testing.T) {
	for name, o := range map[string]protocol.Outcome{
		"done": {Kind: protocol.Done, Checkpoint: position(100)}, "failed": {Kind: protocol.Retry, Error: "no"}, "stopped": {Kind: protocol.Stopped},
		"bad": {Kind: protocol.Permanent, Error: "no"}, "done with a large cursor": {Kind: protocol.Done, Checkpoint: longCheckpoint(100)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.begin()
			before, writes, bells := w.job(), len(w.table.writes), len(w.bells())
			w.clock.pass(timing.Lease)
			a.Report(t.Context(), outcome(o))
			if !a.Over() || !w.slot.killed || len(w.table.writes) != writes || len(w.bells()) != bells {
				t.Errorf("over %t, slot killed %t, writes %v, bells %v", a.Over(), w.slot.killed, w.table.writes[writes:], w.bells())
			}
			if diff := cmp.Diff(before, w.job()); diff != "" {
				t.Errorf("the job was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestPausesAfterFailuresGrow: the longest pauses are those of the settings.
func TestPausesAfterFailuresGrow(t *testing.T) {
	var waits []time.Duration
	retry := contract.Retry{FailureLimit: 5, FirstPause: time.Second, LongestPause: time.Minute}
	for failures := range int64(4) {
		w := newWorld(t)
		w.deps.Retry = retry
		claimed, err := w.take(`{"id":"one","payload":{}}`)
		if err != nil || claimed == nil {
			t.Fatalf("claimed %v, error %v", claimed, err)
		}
		claimed.Job.Failures = failures
		w.deps.Rand = backofftest.Longest()
		w.retry(*claimed, errors.New("no route to host"))
		j := w.job()
		if j.State != job.Ready {
			t.Fatalf("after failure %d the job is %s", failures+1, j.State)
		}
		waits = append(waits, j.NotBefore.Sub(w.clock.Now()))
	}
	if diff := cmp.Diff([]time.Duration{time.Second, 6 * time.Second, 36 * time.Second, time.Minute}, waits); diff != "" {
		t.Errorf("longest pauses (-want +got):\n%s", diff)
	}
}
