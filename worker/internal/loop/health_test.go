package loop

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// fickle is a table that answers as it is told to.
type fickle struct {
	sweep.Store
	get func(context.Context) error
}

func (f *fickle) Get(ctx context.Context, k string) (job.Item, error) {
	if err := f.get(ctx); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, k)
}

func TestHealthFollowsTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startLoops(t, fine)
		defer w.stop()
		failed := func() string { synctest.Wait(); return health.Of(w.pauseHealth(), w.tableHealth()).Failed() }
		if got := failed(); got != "" {
			t.Errorf("a worker whose first sweep is over: %s", got)
		}
		if _, err := w.table.Write(t.Context(), sweep.PauseType("mail", nil)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := failed(); got != "pause: content type is paused" {
			t.Errorf("paused: %s", got)
		}
		if _, err := w.table.Write(t.Context(), sweep.ResumeType("mail", w.control(t))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.away.Store(true)
		if got := failed(); got != "table: table or bucket did not answer a claim, and is asked until it does" {
			t.Errorf("a claim found no table: %s", got)
		}
		w.away.Store(false)
		time.Sleep(3 * time.Minute) // of sweeps that go well
		if got := failed(); got != "" {
			t.Errorf("all is well again: %s", got)
		}
	})
}

func TestATableThatFailsOrFallsSilentIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		get   func(context.Context) error
		after time.Duration
		says  string
	}{
		"fails":        {func(context.Context) error { return errAway }, 2 * time.Minute, "table: does not answer: sweep: away"},
		"not yet":      {func(ctx context.Context) error { return bubbleClock{}.Sleep(ctx, time.Minute) }, 90 * time.Second, ""},
		"says no more": {hanging, 4 * time.Minute, "table: has not answered for "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startLoops(t, fine)
				synctest.Wait()
				w.stop()
				w.table.Delete(sweep.ControlKey("mail")) // the lead is lost: the control item is read
				sweeper := w.Sweeper.(*sweep.Sweeper)
				sweeper.Store = &fickle{sweeper.Store, c.get}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { w.sweepLoop(ctx); close(ended) }()
				defer func() { cancel(); <-ended }()
				time.Sleep(c.after)
				synctest.Wait()
				if got := health.Of(w.tableHealth()).Failed(); !strings.HasPrefix(got, c.says) || (c.says == "") != (got == "") {
					t.Errorf("%q, want %q", got, c.says)
				}
			})
		})
	}
}

// A worker that has not begun says so; a receive that fails is told until one succeeds.
func TestHealthOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startLoops(t, fine)
		defer w.stop()
		var failing atomic.Bool
		failing.Store(true)
		w.Receiver = receives(func(ctx context.Context) ([]queue.Message, error) {
			if failing.Load() {
				return nil, errAway
			}
			return nil, bubbleClock{}.Sleep(ctx, longPoll)
		})
		w.Intake = &lease.Intake{}
		ctx, cancel := context.WithCancel(t.Context())
		w.withIdle(1)
		ended := make(chan struct{})
		go func() { w.receiveLoop(ctx); close(ended) }()
		time.Sleep(10 * time.Second)
		if got := health.Of(w.queueHealth()).Failed(); got != "queue: the last receive failed: away" {
			t.Errorf("the queue is away: %q", got)
		}
		failing.Store(false)
		time.Sleep(longestPause + longPoll + time.Second)
		if got := health.Of(w.queueHealth()).Failed(); got != "" {
			t.Errorf("it answers again: %q", got)
		}
		if got := health.Of(w.Health()...).Failed(); got != "slots: 0 of 0 run, 0 busy" {
			t.Errorf("without a slot: %q", got)
		}
		cancel()
		<-ended
	})
}
