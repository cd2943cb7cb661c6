package loop

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// receives is a queue in one function.
type receives func(ctx context.Context) ([]queue.Message, error)

func (r receives) Receive(ctx context.Context, _ int, _ time.Duration) ([]queue.Message, error) {
	return r(ctx)
}

// awayTable is a table in an outage: each call takes as long as it may.
type awayTable struct{ *store.Memory }

func (awayTable) Write(ctx context.Context, _ job.Write) (job.Item, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

var errAway = errors.New("away")

// withIdle gives the receiving loop idle slots that nobody serves.
func (w *Worker) withIdle(slots int) {
	w.host = goroutines{clock: w.Attempts.Clock.(bubbleClock)}
	w.receiver, w.idle = w.host.Task(), make(chan *slot, slots)
	for range slots {
		w.idle <- w.newSlot(0)
	}
}

// lateIn runs the receiving loop for an hour and returns how long it took until a promise was broken; 0: none was.
func lateIn(t *testing.T, idle int, prepare func(*Worker)) (broken time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		clock, log, no := bubbleClock{start: time.Now()}, slog.New(slog.DiscardHandler), false
		timing := contract.Timing{Lease: time.Minute, Heartbeat: 20 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: time.Minute, Stall: time.Hour}
		messages := queue.NewMemory(clock.Now, time.Minute)
		s := &Worker{
			Vitals: &vitals.Deadlines{}, Meter: metrics.NewMeter(2, clock.Monotonic), Log: log, Attempts: lease.Deps{Tally: &lease.Tally{}, Clock: clock, Rand: random(), Timing: timing},
			Intake: &lease.Intake{Inbox: messages, Log: log, Claimer: &lease.Claimer{Store: awayTable{store.NewMemory()}, Clock: clock, Rand: random(), ContentType: "mail", Worker: "i-1", Timing: timing}},
			Probe:  func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}
		s.paused.Store(&no)
		prepare(s)
		s.withIdle(idle)
		ended := make(chan struct{})
		go func() { s.receiveLoop(ctx); close(ended) }()
		for begin := time.Now(); broken == 0 && time.Since(begin) < time.Hour; time.Sleep(time.Second) {
			if loop, _ := s.Vitals.Late(); loop != "" {
				broken = time.Since(begin)
			}
		}
		cancel()
		if hung, ok := s.Receiver.(hangs); ok {
			close(hung)
		}
		<-ended
		time.Sleep(time.Hour)
		if loop, _ := s.Vitals.Late(); loop != "" {
			t.Errorf("a loop that has ended is late: %s", loop)
		}
	})
	return broken
}

// hangs is a queue whose calls know no end.
type hangs chan struct{}

func (h hangs) Receive(context.Context, int, time.Duration) ([]queue.Message, error) {
	<-h
	return nil, errAway
}

func TestALoopThatHangsBreaksItsPromise(t *testing.T) {
	broken := lateIn(t, 1, func(s *Worker) { s.Receiver = make(hangs) })
	if broken < longPoll || broken > longPoll+slack+5*time.Second {
		t.Errorf("late after %s", broken)
	}
}

// A queue that is away for an hour is not asked the whole time: the pauses reach half a minute at most, 15 s on average.
func TestAnOutageOfTheQueueCostsFewReceives(t *testing.T) {
	asked := 0
	_ = lateIn(t, 1, func(s *Worker) {
		s.Receiver = receives(func(context.Context) ([]queue.Message, error) { asked++; return nil, errAway })
	})
	if asked < 120 || asked > 360 {
		t.Errorf("%d receives in an hour, want about 240", asked)
	}
}

// An outage is no hang, nor is a wait.
func TestAnOutageKeepsThePromises(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		idle    int
		prepare func(*Worker)
	}{
		"no slot is idle":             {0, func(*Worker) {}},
		"type is paused":              {1, func(s *Worker) { s.paused.Store(&yes) }},
		"control item was never read": {1, func(s *Worker) { s.paused.Store(nil) }},
		"empty queue": {1, func(s *Worker) {
			s.Receiver = receives(func(ctx context.Context) ([]queue.Message, error) {
				return nil, bubbleClock{}.Sleep(ctx, longPoll)
			})
		}},
		"queue refuses": {1, func(s *Worker) {
			s.Receiver = receives(func(context.Context) ([]queue.Message, error) { return nil, errAway })
		}},
		"queue does not answer": {1, func(s *Worker) {
			s.Receiver = receives(func(ctx context.Context) ([]queue.Message, error) {
				ctx, cancel := context.WithTimeout(ctx, longPoll+10*time.Second) // as package queue
				defer cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			})
		}},
		"table does not answer": {10, func(s *Worker) {
			s.Receiver = receives(func(context.Context) ([]queue.Message, error) {
				return []queue.Message{{ID: "one", Body: `{"payload":{}}`}, {ID: "two", Body: `{"payload":{}}`}}, nil
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if broken := lateIn(t, c.idle, c.prepare); broken != 0 {
				t.Errorf("late after %s", broken)
			}
		})
	}
}
