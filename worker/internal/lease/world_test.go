package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// world is one worker's surroundings in virtual time.
type world struct {
	t     *testing.T
	clock *clock
	table *table
	blobs *blobs
	queue *queue.Memory
	slot  *fakeSlot
	deps  lease.Deps
}

var timing = contract.Timing{Lease: 60 * time.Second, Heartbeat: 20 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: 30 * time.Second, Stall: time.Hour}

func newWorld(t *testing.T) *world {
	c := &clock{wall: time.UnixMilli(1_700_000_000_000).UTC()}
	w := &world{t: t, clock: c, table: &table{Memory: store.NewMemory()}, blobs: &blobs{Memory: blob.NewMemory()}, queue: queue.NewMemory(c.Now, time.Minute), slot: &fakeSlot{}}
	w.deps = lease.Deps{
		Store: w.table, Blobs: w.blobs, Bells: w.queue, Clock: c, Rand: rand.New(rand.NewPCG(1, 2)), Timing: timing,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Retry: contract.DefaultRetry(),
	}
	return w
}

func (w *world) claimer() *lease.Claimer {
	return &lease.Claimer{Store: w.table, Blobs: w.blobs, Clock: w.clock, Rand: w.deps.Rand, ContentType: "mail", Worker: "i-1", Timing: timing, Log: w.deps.Log}
}

// begin submits and claims a job and hands it to the slot.
func (w *world) begin() *lease.Attempt {
	w.t.Helper()
	claimed, err := w.claimer().Take(w.t.Context(), queue.Message{ID: "m", Body: `{"id":"one","payload":{}}`})
	if err != nil || claimed == nil {
		w.t.Fatalf("claimed %v, error %v", claimed, err)
	}
	return lease.Begin(w.t.Context(), w.deps, *claimed, w.slot)
}

// attempt hands a claimed job to the slot.
func (w *world) attempt(c lease.Claimed) *lease.Attempt {
	return lease.Begin(w.t.Context(), w.deps, c, w.slot)
}

func message(body string) queue.Message { return queue.Message{ID: "m", Body: body} }

func (w *world) job() job.Job {
	w.t.Helper()
	item, err := w.table.Memory.Get(context.Background(), "mail#one")
	if err != nil || item == nil {
		w.t.Fatalf("job: %v, error %v", item, err)
	}
	j, err := job.FromItem(item)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// live lets time pass with the attempt's timers served as the supervisor serves them.
func (w *world) live(a *lease.Attempt, d time.Duration) {
	for end := w.clock.mono + d; w.clock.mono < end && !a.Over(); {
		w.clock.pass(max(0, min(a.Next(), end)-w.clock.mono))
		a.Tick(w.t.Context())
	}
}

// bells are the bodies of the messages that can be received now.
func (w *world) bells() []string {
	w.t.Helper()
	messages, err := w.queue.Receive(context.Background(), 10, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, m.Body)
	}
	return bodies
}

func checkpoint(at int64) protocol.Report {
	return protocol.Report{Checkpoint: position(at)}
}

func position(at int64) *protocol.Checkpoint {
	cursor, _ := json.Marshal(map[string]int64{"at": at})
	return &protocol.Checkpoint{Cursor: cursor, Version: "mail@1", Progress: protocol.Progress{Done: at, Total: 100, Unit: "messages"}}
}

func outcome(o protocol.Outcome) protocol.Report { return protocol.Report{Outcome: &o} }

type clock struct {
	wall time.Time
	mono time.Duration
}

func (c *clock) pass(d time.Duration)     { c.wall, c.mono = c.wall.Add(d), c.mono+d }
func (c *clock) Now() time.Time           { return c.wall }
func (c *clock) Monotonic() time.Duration { return c.mono }
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(max(d, time.Millisecond))
	return ctx.Err()
}

func (c *clock) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithValue(ctx, bound{}, d))
}

// bound is how long a call may take, in its context.
type bound struct{}

// calls takes down how long each call to the table and the bucket may take; noBound where its author set no limit.
type calls []time.Duration

const noBound = time.Duration(1<<63 - 1)

func (c *calls) note(ctx context.Context) {
	if d, ok := ctx.Value(bound{}).(time.Duration); ok {
		*c = append(*c, d)
	} else {
		*c = append(*c, noBound)
	}
}

var errOutage = errors.New("table is away")

// table is a job table whose calls can fail, or be applied with their answer lost.
type table struct {
	*store.Memory
	fail   func(op string) bool // the call does not reach the table
	lose   func(op string) bool // the answer does not come back
	writes []string             // operations that reached the table
	calls
}

func (s *table) Get(ctx context.Context, key string) (job.Item, error) {
	s.note(ctx)
	return s.Memory.Get(ctx, key)
}

func (s *table) Write(ctx context.Context, w job.Write) (job.Item, error) {
	s.note(ctx)
	if s.fail != nil && s.fail(w.Op) {
		return nil, errOutage
	}
	s.writes = append(s.writes, w.Op)
	item, err := s.Memory.Write(ctx, w)
	if s.lose != nil && s.lose(w.Op) {
		return nil, errOutage
	}
	return item, err
}

// blobs is a bucket that can be away.
type blobs struct {
	*blob.Memory
	away    bool
	keep    bool // deletes fail
	puts    int  // that reached it
	deletes int  // tried
	calls
}

func (b *blobs) Delete(ctx context.Context, key string) error {
	b.note(ctx)
	if b.deletes++; b.keep {
		return errOutage
	}
	return b.Memory.Delete(ctx, key)
}

func (b *blobs) Put(ctx context.Context, key string, content []byte) error {
	b.note(ctx)
	if b.away {
		return errOutage
	}
	b.puts++
	return b.Memory.Put(ctx, key, content)
}

func (b *blobs) Get(ctx context.Context, key string) ([]byte, error) {
	b.note(ctx)
	if b.away {
		return nil, errOutage
	}
	return b.Memory.Get(ctx, key)
}

// once is true for the first call with that operation.
func once(op string) func(string) bool {
	done := false
	return func(got string) bool {
		hit := got == op && !done
		done = done || hit
		return hit
	}
}

func always(string) bool { return true }

func (s *table) count(op string) int {
	n := 0
	for _, w := range s.writes {
		if w == op {
			n++
		}
	}
	return n
}

// fakeSlot records what it is told.
type fakeSlot struct {
	orders []protocol.Order
	killed bool
	deaf   bool
	// refuses is the answer to each order; nil: it is taken.
	refuses error
}

func (s *fakeSlot) Kill() { s.killed = true }

func (s *fakeSlot) Send(o protocol.Order) error {
	switch {
	case s.deaf:
		return errors.New("deaf")
	case s.refuses != nil:
		return s.refuses
	}
	s.orders = append(s.orders, o)
	return nil
}

func (s *fakeSlot) drains() int {
	n := 0
	for _, o := range s.orders {
		if o.Drain != nil {
			n++
		}
	}
	return n
}

// deadline is the last deadline the slot was told.
func (s *fakeSlot) deadline() time.Duration {
	var at time.Duration
	for _, o := range s.orders {
		if o.Run != nil {
			at = o.Run.Deadline
		}
		if o.Deadline != nil {
			at = o.Deadline.At
		}
	}
	return at
}

// retry runs a claimed job until it fails once more.
func (w *world) retry(c lease.Claimed, err error) {
	w.t.Helper()
	a := lease.Begin(w.t.Context(), w.deps, c, &fakeSlot{})
	a.Report(w.t.Context(), outcome(protocol.Outcome{Kind: protocol.Retry, Error: err.Error()}))
}
