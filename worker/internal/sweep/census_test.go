package sweep_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestJobsAreCountedByState: those that have ended well are not even looked at.
func TestJobsAreCountedByState(t *testing.T) {
	w := newWorld(t)
	for id, end := range map[string]job.State{"runs": "", "dead-1": job.Dead, "dead-2": job.Dead, "done": job.Done} {
		j := w.write(job.ClaimSubmission(job.Key{ContentType: "mail", ID: id}, job.Submission{Payload: []byte("1")}, "i-9/1", lease, w.clock.Now()))
		if end != "" {
			w.write(job.Finish(j.Claim(), job.End{State: end}, w.clock.Now()))
		}
	}
	w.write(job.Submit(job.Key{ContentType: "mail", ID: "ready"}, job.Submission{Payload: []byte("1")}, w.clock.Now()))
	if r := w.sweep(w.sweeper("a")); r.Ready != 1 || r.Running != 1 || r.Dead != 2 {
		t.Errorf("%d READY, %d RUNNING, %d DEAD", r.Ready, r.Running, r.Dead)
	}
}

// TestOldestCheckpoint: heartbeats do not make it younger, checkpoints do, and the job that is worst off counts.
func TestOldestCheckpoint(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	claims := map[string]job.Claim{}
	for _, id := range []string{"saves", "beats"} {
		claims[id] = w.write(job.ClaimSubmission(job.Key{ContentType: "mail", ID: id}, job.Submission{Payload: []byte("1")}, "i-9/"+id, lease, w.clock.Now())).Claim()
	}
	var ages []time.Duration
	for n := range int64(4) {
		ages = append(ages, w.sweep(s).OldestCheckpoint)
		w.clock.pass(interval)
		w.write(job.Heartbeat(claims["beats"], w.clock.Now()))
		w.write(job.SaveCheckpoint(claims["saves"], job.Checkpoint{Seq: n + 1, Cursor: "1", Version: "mail@1"}, w.clock.Now()))
	}
	w.write(job.SaveCheckpoint(claims["beats"], job.Checkpoint{Seq: 1, Cursor: "1", Version: "mail@1"}, w.clock.Now()))
	ages = append(ages, w.sweep(s).OldestCheckpoint)
	if diff := cmp.Diff([]time.Duration{0, interval, 2 * interval, 3 * interval, 0}, ages); diff != "" {
		t.Errorf("ages (-want +got):\n%s", diff)
	}
}

// TestReapsSayWhatEnded: a job that crashed too often is DEAD, others go on.
func TestReapsSayWhatEnded(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	s.CrashLimit = 1
	w.write(job.ClaimSubmission(job.Key{ContentType: "mail", ID: "poison"}, job.Submission{Payload: []byte("1")}, "i-9/1", lease, w.clock.Now()))
	w.sweep(s)
	w.clock.pass(lease * 2)
	if r := w.sweep(s); r.Reaped != 1 || cmp.Diff([]job.State{job.Dead}, r.Ended) != "" || w.get("poison").State != job.Dead {
		t.Errorf("reaped %d, ended %v", r.Reaped, r.Ended)
	}
	s.CrashLimit = 5
	w.write(job.ClaimSubmission(job.Key{ContentType: "mail", ID: "unlucky"}, job.Submission{Payload: []byte("1")}, "i-9/2", lease, w.clock.Now()))
	w.sweep(s)
	w.clock.pass(lease * 2)
	if r := w.sweep(s); r.Reaped != 1 || len(r.Ended) != 0 {
		t.Errorf("reaped %d, ended %v", r.Reaped, r.Ended)
	}
}
