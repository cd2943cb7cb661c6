package sweep_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

const (
	interval = 30 * time.Second
	lease    = time.Minute

	passedAfter = 10 * time.Minute // as in the package
)

type clock struct {
	wall time.Time
	mono time.Duration
}

func (c *clock) Now() time.Time           { return c.wall }
func (c *clock) Monotonic() time.Duration { return c.mono }
func (c *clock) pass(d time.Duration)     { c.wall, c.mono = c.wall.Add(d), c.mono+d }

type world struct {
	t     *testing.T
	clock *clock
	table *counting
	queue *queue.Memory
}

func newWorld(t *testing.T) *world {
	c := &clock{wall: time.UnixMilli(1_700_000_000_000).UTC()}
	return &world{t, c, &counting{Memory: store.NewMemory()}, queue.NewMemory(c.Now, time.Minute)}
}

func (w *world) sweeper(name string) *sweep.Sweeper {
	return &sweep.Sweeper{
		Store: w.table, Queue: w.queue, Clock: w.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		ContentType: "mail", Worker: name, Interval: interval, Slots: 2, CrashLimit: 5,
	}
}

func (w *world) sweep(s *sweep.Sweeper) sweep.Result {
	w.t.Helper()
	r, err := s.Once(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// until sweeps every interval for d and adds up what was done.
func (w *world) until(s *sweep.Sweeper, d time.Duration) sweep.Result {
	w.t.Helper()
	var sum sweep.Result
	for end := w.clock.mono + d; w.clock.mono < end; w.clock.pass(interval) {
		r := w.sweep(s)
		sum.Reaped += r.Reaped
		sum.Rung += r.Rung
	}
	return sum
}

func (w *world) write(write job.Write) job.Job {
	w.t.Helper()
	item, err := w.table.Write(w.t.Context(), write)
	if err != nil {
		w.t.Fatal(err)
	}
	j, err := job.FromItem(item)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) get(id string) job.Job {
	w.t.Helper()
	item, err := w.table.Memory.Get(w.t.Context(), "mail#"+id)
	if err != nil {
		w.t.Fatal(err)
	}
	j, err := job.FromItem(item)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) bells() []string {
	w.t.Helper()
	var bodies []string
	for {
		messages, err := w.queue.Receive(w.t.Context(), 10, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(messages) == 0 {
			return bodies
		}
		for _, m := range messages {
			bodies = append(bodies, m.Body)
		}
		if err := w.queue.Delete(w.t.Context(), messages); err != nil {
			w.t.Fatal(err)
		}
	}
}

func key(id string) job.Key { return job.Key{ContentType: "mail", ID: id} }

var work = job.Submission{Payload: []byte("{}")}

func (w *world) running(id string) job.Job {
	return w.write(job.ClaimSubmission(key(id), work, "i-dead", lease, w.clock.Now()))
}

func (w *world) ready(id string) job.Job {
	return w.write(job.Submit(key(id), work, w.clock.Now()))
}

// counting counts the items that were read.
type counting struct {
	*store.Memory
	read int
}

func (c *counting) BatchGet(ctx context.Context, keys []string) ([]job.Item, error) {
	c.read += len(keys)
	return c.Memory.BatchGet(ctx, keys)
}
