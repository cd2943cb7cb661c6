package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// backlog is a queue full of READY jobs in front of two instances of four slots, for six hours.
type backlog struct {
	world *world
	jobs  int           // at the start
	work  time.Duration // that each job is
	every time.Duration // a new job comes; 0: none
	ahead bool          // new jobs are received ahead of the backlog, as those of a fair queue's quiet tenants
	lose  int           // every lose-th bell does not reach the queue; 0: all do
	bells int
}

// submit puts a READY job into the table and rings.
func (b *backlog) submit(ahead bool) {
	w := b.world
	id := fmt.Sprintf("job-%d", len(w.ids))
	key := job.Key{ContentType: contentType, ID: id}
	w.plain(id, 1, b.work)
	operator := &caller{world: w, clock: w.operator}
	if _, err := w.table.write(job.Submit(key, job.Submission{Payload: []byte("{}")}, w.operator.Now()), operator); err != nil {
		w.violate("S2", "%v", err)
	}
	bell := job.Bell{ID: id}.JSON()
	switch b.bells++; {
	case b.lost(len(w.ids) - 1):
	case ahead:
		w.queue.copy(queue.Message{ID: id, Body: bell, SentAt: w.operator.Now()}, 0)
	default:
		w.queue.send(bell, 0)
	}
}

func (b *backlog) lost(i int) bool { return b.lose > 0 && i%b.lose == 0 }

func (b *backlog) play(t *testing.T) {
	t.Helper()
	w := quiet(1, 2, 4)
	b.world = w
	w.setup.Sweep = 2 * time.Minute // 30 s gives the same figures and takes four times as long
	w.table.network.latency, w.queue.network.latency = 10*time.Millisecond, 10*time.Millisecond
	for i := range b.jobs {
		w.at(time.Duration(i)*time.Minute/time.Duration(b.jobs), func() { b.submit(false) })
	}
	for at := time.Minute; b.every > 0 && at < 6*time.Hour; at += b.every {
		w.at(at, func() { b.submit(b.ahead) })
	}
	w.fill()
	w.playWell(t, 6*time.Hour)
}

// perJob is how many messages were sent per job.
func (b *backlog) perJob() float64 {
	return float64(b.bells+b.world.queue.bells) / float64(len(b.world.ids))
}

func TestRingingNeverMultipliesABacklog(t *testing.T) {
	for name, b := range map[string]*backlog{
		"10,000 jobs":             {jobs: 10_000, work: 16 * time.Second},
		"one bell in fifty lost":  {jobs: 1_000, work: 160 * time.Second, lose: 50},
		"new jobs received ahead": {jobs: 1_000, work: 160 * time.Second, every: time.Minute, ahead: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.play(t)
			t.Logf("six hours, %d jobs: %.3f messages per job", len(b.world.ids), b.perJob())
			if b.perJob() > 1.05 {
				t.Errorf("%.3f messages per job, want at most 1.05", b.perJob())
			}
		})
	}
}
