package loop

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// puppet is a slot process that does what a test says.
type puppet struct {
	task    Task
	orders  chan protocol.Order
	reports chan protocol.Report
	kill    chan struct{} // closed by Kill
	err     error
	prepare func() error
}

func (p *puppet) Prepare() error { return p.prepare() }

func (p *puppet) Send(o protocol.Order) error { p.orders <- o; return nil }

func (p *puppet) Kill() {
	select {
	case <-p.kill:
	default:
		close(p.kill)
		p.end(protocol.ErrKilled)
	}
}

// end ends the process.
func (p *puppet) end(why error) {
	if p.err == nil {
		p.err = why
		close(p.reports)
		p.task.Wake()
	}
}

func (p *puppet) report(r protocol.Report) { p.reports <- r; p.task.Wake() }

func (p *puppet) Err() error { return p.err }

func (p *puppet) Next() (*protocol.Report, bool) {
	select {
	case r, open := <-p.reports:
		if !open {
			return nil, true
		}
		return &r, false
	default:
		return nil, false
	}
}

// stage is a worker of one slot in a bubble, with its table and queue.
type stage struct {
	*Worker
	table *store.Memory
	queue *queue.Memory
	drain context.CancelCauseFunc
	hurry context.CancelCauseFunc
	ended chan struct{}

	mu    sync.Mutex
	slots []*puppet // that were started
	sick  error     // with which no slot starts; nil: they do
	tried int       // such starts

	received atomic.Int64 // receives that brought messages
	begins   func()       // is called as a claim is written
	refuse   func() error // why a claim gets no answer
	prepare  func() error // why a slot gets no folder for its next job
	fail     error        // with which a slot ends as soon as it is ready; nil: it lives
}

// sicken lets no slot start from now on, or with nil each.
func (s *stage) sicken(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sick = why
}

// starts are the starts of slots so far, those that failed apart.
func (s *stage) starts() (started, failed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots), s.tried
}

// newest is the slot that was started last.
func (s *stage) newest() *puppet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[len(s.slots)-1]
}

// Write is that of the table, which begins lets a test hold.
func (s *stage) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if w.Op == "claim submission" {
		s.begins()
		if err := s.refuse(); err != nil {
			return nil, err
		}
	}
	return s.table.Write(ctx, w)
}

// Get is the table's.
func (s *stage) Get(ctx context.Context, key string) (job.Item, error) { return s.table.Get(ctx, key) }

// Receive polls the queue each second, as long as a drain does not cut it.
func (s *stage) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error) {
	for end := time.Now().Add(wait); ; {
		messages, err := s.queue.Receive(ctx, most, 0)
		if len(messages) > 0 {
			s.received.Add(1)
		}
		if err != nil || len(messages) > 0 || !time.Now().Before(end) {
			return messages, err
		}
		if err := s.Attempts.Clock.Sleep(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	clock, log := bubbleClock{start: time.Now()}, slog.New(slog.DiscardHandler)
	s := &stage{table: store.NewMemory(), queue: queue.NewMemory(time.Now, time.Minute), ended: make(chan struct{}), begins: func() {}, refuse: func() error { return nil }, prepare: func() error { return nil }}
	timing := contract.Timing{Sweep: 30 * time.Second, Lease: time.Minute, Heartbeat: 20 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: time.Hour, Stall: 2 * time.Hour}
	claimer := &lease.Claimer{Store: s, Clock: clock, Rand: random(), ContentType: "mail", Worker: "i-1", Timing: timing}
	s.Worker = &Worker{
		Processes: 1, Receiver: s, Log: log, Meter: metrics.NewMeter(1, clock.Monotonic),
		Intake:   &lease.Intake{Inbox: s.queue, Claimer: claimer, Log: log},
		Attempts: lease.Deps{Store: s, Tally: &lease.Tally{}, Bells: s.queue, Clock: clock, Rand: random(), Timing: timing, Log: log, Retry: contract.DefaultRetry()},
		Sweeper:  &sweep.Sweeper{Store: s.table, Queue: s.queue, Clock: clock, Log: log, ContentType: "mail", Worker: "i-1", Interval: 30 * time.Second, Slots: 1, CrashLimit: 5},
		Probe:    func(context.Context) error { return nil },
	}
	return s
}

func (s *stage) submit(t *testing.T) {
	t.Helper()
	if err := s.queue.Send(t.Context(), `{"id":"one","payload":{}}`, 0); err != nil {
		t.Fatal(err)
	}
}

// run begins the worker's life. Its slots are ready at once.
func (s *stage) run(t *testing.T) {
	ctx, begin := context.WithCancelCause(t.Context())
	hurried, hurry := context.WithCancelCause(t.Context())
	s.drain, s.hurry = begin, hurry
	host := goroutines{clock: s.Attempts.Clock.(bubbleClock), start: func(task Task) (Process, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sick != nil {
			s.tried++
			return nil, s.sick
		}
		p := &puppet{task: task, orders: make(chan protocol.Order, 100), reports: make(chan protocol.Report, 10), kill: make(chan struct{}), prepare: s.prepare}
		p.report(protocol.Report{Ready: &protocol.Ready{Protocol: protocol.Version}})
		if s.slots = append(s.slots, p); len(s.slots) > 1000 {
			return nil, errors.New("a hot loop")
		}
		if s.fail != nil {
			p.end(s.fail)
		}
		return p, nil
	}}
	go func() { s.Run(ctx, hurried, host); close(s.ended) }()
}

func (s *stage) job(t *testing.T) job.Job {
	t.Helper()
	item, err := s.table.Get(t.Context(), "mail#one")
	if err != nil {
		t.Fatal(err)
	}
	j, err := job.FromItem(item)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// A drain lets a claim that is under way come to its end, and the job goes back uncounted, even if its slot died
// meanwhile and the drain keeps it from being replaced. The message is deleted.
func TestJobClaimedForADeadSlotInADrainIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.submit(t)
		held, release := make(chan struct{}), make(chan struct{})
		s.begins = func() { close(held); <-release }
		s.run(t)
		<-held
		s.drain(&drain.Cause{Source: drain.Signal, Detail: "test"})
		s.newest().end(errors.New("exit status 2"))
		synctest.Wait()
		close(release)
		<-s.ended
		if j := s.job(t); j.State != job.Ready || j.Drains != 1 || j.Failures != 0 || j.Crashes != 0 {
			t.Errorf("state %s, drains %d, failures %d, crashes %d", j.State, j.Drains, j.Failures, j.Crashes)
		}
		time.Sleep(time.Hour) // longer than a message that was received stays invisible
		if n, _ := s.queue.Visible(t.Context()); n != 1 {
			t.Errorf("%d messages, want the bell alone", n)
		}
	})
}

// A Spot notice during a drain with a budget of an hour leaves the step 90 seconds.
func TestSpotNoticeHurriesADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.submit(t)
		s.run(t)
		time.Sleep(time.Minute)
		s.drain(&drain.Cause{Source: drain.Lifecycle, Detail: "terminated"})
		time.Sleep(time.Minute)
		select {
		case <-s.ended:
			t.Fatal("the drain did not wait for the step")
		default:
		}
		hurriedAt := time.Now()
		s.hurry(&drain.Cause{Source: drain.Spot})
		<-s.ended
		if took := time.Since(hurriedAt); took != 90*time.Second {
			t.Errorf("ended %s after the notice", took)
		}
		if j := s.job(t); j.State != job.Ready || j.Drains != 1 {
			t.Errorf("state %s, drains %d", j.State, j.Drains)
		}
	})
}

// A slot that ends as soon as it is ready is started again each second, not in a hot loop.
func TestSlotsThatEndIdleAreRestartedWithAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.fail = errors.New("exit status 1")
		s.run(t)
		time.Sleep(time.Minute)
		s.drain(&drain.Cause{Source: drain.Signal, Detail: "test"})
		<-s.ended
		if n, _ := s.starts(); n < 59 || n > 61 {
			t.Errorf("%d starts in a minute", n)
		}
	})
}

// A slot that gets no folder for its next job takes none. It is started again with growing pauses until it gets one.
func TestNothingIsClaimedWithoutAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.submit(t)
		var full atomic.Bool
		full.Store(true)
		s.prepare = func() error {
			if full.Load() {
				return errors.New("no space left on device")
			}
			return nil
		}
		s.run(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if starts, _ := s.starts(); s.received.Load() != 0 || starts < 100 || starts > 600 {
			t.Errorf("%d receives that brought messages and %d starts in an hour", s.received.Load(), starts)
		}
		full.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if j := s.job(t); j.State != job.Running || j.Failures+j.Crashes != 0 {
			t.Errorf("state %s, failures %d, crashes %d", j.State, j.Failures, j.Crashes)
		}
		s.drain(&drain.Cause{Source: drain.Spot})
		<-s.ended
	})
}

// A worker whose claim finds no table receives nothing more until a probe finds it.
func TestNothingIsReceivedWhileTheTableIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.submit(t)
		var answers atomic.Bool
		var probes atomic.Int64
		s.refuse = func() error {
			if !answers.Load() {
				return errAway
			}
			return nil
		}
		s.Probe = func(context.Context) error { probes.Add(1); return s.refuse() }
		s.run(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, asked := s.received.Load(), probes.Load(); got != 1 || asked < 100 || asked > 600 {
			t.Errorf("%d receives that brought messages and %d probes in an hour", got, asked)
		}
		answers.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if j := s.job(t); j.State != job.Running {
			t.Errorf("state %s after the outage", j.State)
		}
		s.drain(&drain.Cause{Source: drain.Spot})
		<-s.ended
	})
}
