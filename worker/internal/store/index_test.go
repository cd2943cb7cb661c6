package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// TestDueIndexFollowsTheState: every READY, RUNNING and DEAD job is in the index, no other one is.
func TestDueIndexFollowsTheState(t *testing.T) {
	forEach(t, func(t *testing.T, s table) {
		expect := func(when, from, to string, want bool) {
			t.Helper()
			var found []string
			total := 0
			for shard := range contract.DueShards {
				keys, err := s.Due(t.Context(), job.DuePartition("mail", shard), from, to)
				if err != nil {
					t.Fatal(err)
				}
				n, err := s.CountDue(t.Context(), job.DuePartition("mail", shard), from, to)
				if err != nil {
					t.Fatal(err)
				}
				found, total = append(found, keys...), total+n
			}
			if slices.Contains(found, key.String()) != want || total != len(found) {
				t.Errorf("%s: %q to %q lists %v (counted %d), want the job: %t", when, from, to, found, total, want)
			}
		}
		write := func(w job.Write) {
			t.Helper()
			if _, err := s.Write(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		due := now.Add(job.RingDelay(0))
		write(job.Submit(key, work, now))
		expect("submitted", job.DueReadyFirst, job.DueReady(due), true)
		expect("submitted", job.DueReadyFirst, job.DueReady(due.Add(-time.Millisecond)), false)
		write(job.Ring(job.Job{Key: key, RingAt: due}, due))
		expect("rung", job.DueReadyFirst, job.DueReady(due), false)
		expect("rung", job.DueReadyFirst, job.DueReadyLatest, true)
		write(job.ClaimReady(key, 0, "a", lease, now))
		expect("claimed", job.DueReadyFirst, job.DueReadyLatest, false)
		expect("claimed", job.DueRunning, job.DueRunning, true)
		write(job.Finish(holder(1, "a"), job.End{State: job.Dead, Reason: "bad"}, now))
		expect("dead", job.DueRunning, job.DueRunning, false)
		expect("dead", job.DueDeadFirst, job.DueDeadLast, true)
		write(job.Redrive(at(2, job.Dead), now))
		expect("redriven", job.DueReadyFirst, job.DueReady(due), true)
		write(job.ClaimReady(key, 3, "a", lease, now))
		write(job.Finish(holder(4, "a"), job.End{State: job.Done}, now))
		expect("done", job.DueFirst, job.DueLast, false)
	})
}
