package sweep_test

import (
	"context"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// lagging is a table whose index still shows jobs where they were.
type lagging struct {
	*counting
	stale map[string][]string // first sort key of a query → keys of jobs that stood there
}

func (l *lagging) Due(_ context.Context, partition, from, _ string) ([]string, error) {
	if partition != job.DuePartition("mail", 0) { // each job once
		return nil, nil
	}
	return l.stale[from], nil
}

// TestWhatTheIndexShowsLateIsLeftAlone: the items decide. A job that was handed back is not reaped, a job that was claimed
// or rung in the meantime is not rung.
func TestWhatTheIndexShowsLateIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.ready("handed-back")
	w.running("claimed")
	rung := w.ready("waits")
	w.clock.pass(job.RingDelay(0))
	w.write(job.Ring(rung, w.clock.Now()))
	s := w.sweeper("a")
	s.Store = &lagging{w.table, map[string][]string{
		job.DueRunning: {"mail#handed-back"}, job.DueReadyFirst: {"mail#claimed", "mail#waits"},
	}}
	for range 10 {
		if r := w.sweep(s); r.Running != 0 || r.Reaped != 0 || r.Rung != 0 || r.RipeIn != 0 {
			t.Fatalf("swept %+v", r)
		}
		w.clock.pass(interval)
	}
	if got := w.bells(); len(got) != 0 {
		t.Errorf("bells %v", got)
	}
	if j := w.get("handed-back"); j.State != job.Ready || j.Epoch != 0 || j.Crashes != 0 {
		t.Errorf("job %+v", j)
	}
}
