package store_test

import (
	"testing"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// TestAJobThatIsReadyAgainHasNothingOfItsLastHolder: no owner, no rings that were counted before it ran, and no time
// before which it may not be claimed.
func TestAJobThatIsReadyAgainHasNothingOfItsLastHolder(t *testing.T) {
	for name, back := range map[string]func(j job.Job) []job.Write{
		"handed back": func(j job.Job) []job.Write {
			return []job.Write{job.HandBack(j.Claim(), job.Return{Drained: true, BellAt: now}, now)}
		},
		"reaped": func(j job.Job) []job.Write { return []job.Write{job.Reap(j, 5, now)} },
		"redriven": func(j job.Job) []job.Write {
			dead := j
			dead.State, dead.Epoch = job.Dead, j.Epoch+1
			return []job.Write{job.Finish(j.Claim(), job.End{State: job.Dead, Reason: "bad"}, now), job.Redrive(dead, now)}
		},
	} {
		s := store.NewMemory()
		submitted := job.Submit(key, work, now)
		submitted.Set[contract.AttrNotBefore] = now.UnixMilli()
		var j job.Job
		for _, w := range []job.Write{submitted, job.Ring(job.Job{Key: key, RingAt: now.Add(job.RingDelay(0))}, now), job.ClaimReady(key, 0, "a", lease, now)} {
			item, err := s.Write(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if j, err = job.FromItem(item); err != nil {
				t.Fatal(err)
			}
		}
		if j.Rings != 0 {
			t.Errorf("%s: %d rings counted while the job runs", name, j.Rings)
		}
		for _, w := range back(j) {
			item, err := s.Write(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if j, err = job.FromItem(item); err != nil {
				t.Fatal(err)
			}
		}
		if j.State != job.Ready || j.Owner != "" || j.Rings != 0 || !j.NotBefore.IsZero() || !j.RingAt.Equal(now.Add(job.RingDelay(0))) {
			t.Errorf("%s: %+v", name, j)
		}
	}
}
