package loop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// failure is the account of an attempt that failed.
func failure(id string) lease.Account {
	return lease.Account{Job: job.Job{Key: job.Key{ContentType: "mail", ID: id}}, Outcome: lease.Failed, Failed: true}
}

// fails has that many different jobs fail.
func (c *care) fails(n int) {
	for i := range n {
		c.take()
		c.end(failure(fmt.Sprint("job-", i)), 0, 0, random())
	}
}

func TestAWorkerTakesCareAfterFiveFailuresOfFiveJobs(t *testing.T) {
	for name, c := range map[string]struct {
		before func(c *care)
		want   bool
	}{
		"four jobs": {func(c *care) { c.fails(4) }, false},
		"five jobs": {func(c *care) { c.fails(5) }, true},
		"one job five times": {func(c *care) {
			for range 5 {
				c.fails(1)
			}
		}, false},
		"a job done between them": {func(c *care) {
			c.fails(4)
			c.take()
			c.end(lease.Account{Outcome: lease.Done}, 0, 0, random())
			c.fails(4)
		}, false},
		"a drained job between them": {func(c *care) {
			c.fails(4)
			c.take()
			c.end(lease.Account{Outcome: lease.Drained}, 0, 0, random())
			c.fails(5)
		}, true},
		"a checkpoint between them": {func(c *care) {
			c.fails(4)
			c.take()
			c.end(failure("another"), 1, 0, random())
		}, false},
		"a checkpoint after them": {func(c *care) {
			c.fails(5)
			c.wait(1, 0)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var care care
			if c.before(&care); care.on() != c.want {
				t.Errorf("careful: %t, want %t", care.on(), c.want)
			}
		})
	}
}

func TestACarefulWorkersPausesGrowToFiveMinutes(t *testing.T) {
	var c care
	c.fails(5)
	now, longest, chance := time.Duration(0), time.Duration(0), random()
	for range 200 {
		until, most := c.wait(0, now)
		if until-now < carePauses.Least || until-now > carePauses.Most || most != 1 {
			t.Fatalf("waits %s, then takes %d", until-now, most)
		}
		longest, now = max(longest, until-now), until
		c.take()
		if until, _ := c.wait(0, now); until != lease.Never {
			t.Fatalf("a second job is taken at %s, while a slot has one", until)
		}
		c.end(failure("again"), 0, now, chance)
	}
	if longest < 4*time.Minute {
		t.Errorf("the longest of 200 pauses is %s, want about five minutes", longest)
	}
}

// TestAWorkerThatBecameCarefulInAPauseTakesNoSecondJob: what was decided before the content type was paused may be hours
// old when it goes on. Found by make sim.
func TestAWorkerThatBecameCarefulInAPauseTakesNoSecondJob(t *testing.T) {
	receives, pausedFor := receivesAfterAPause(t, func(*Worker) {})
	if receives == 0 || pausedFor != 0 {
		t.Fatalf("%d receives after the pause, %d in it", receives, pausedFor)
	}
	receives, pausedFor = receivesAfterAPause(t, func(s *Worker) {
		s.care.take() // it hangs
		s.care.fails(suspicious)
	})
	if receives != 0 || pausedFor != 0 {
		t.Errorf("%d receives while a job runs on a careful worker, %d in the pause before", receives, pausedFor)
	}
}

// receivesAfterAPause counts the receives after the content type was paused for ten minutes, in which something happened,
// and those within.
func receivesAfterAPause(t *testing.T, happens func(*Worker)) (after, within int) {
	t.Helper()
	_ = lateIn(t, 1, func(s *Worker) {
		paused, goesOn := true, false
		s.paused.Store(&paused)
		s.Receiver = receives(func(ctx context.Context) ([]queue.Message, error) {
			if s.goesOn() {
				after++
			} else {
				within++
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		go func() {
			time.Sleep(10 * time.Minute)
			happens(s)
			s.paused.Store(&goesOn)
		}()
	})
	return after, within
}

// TestAWorkerThatFailsEachJobSlowsDown: twenty jobs on a worker whose slots all fail cost few failures, until one gets on.
func TestAWorkerThatFailsEachJobSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for n := range 20 {
			if err := s.queue.Send(t.Context(), fmt.Sprintf(`{"id":"job-%d","payload":{}}`, n), 0); err != nil {
				t.Fatal(err)
			}
		}
		s.run(t)
		failures := 0
		end := protocol.Outcome{Kind: protocol.Retry, Error: "the disk is full"}
		serve := func(d time.Duration) (ended int) {
			for until := time.Now().Add(d); time.Now().Before(until); time.Sleep(time.Second) {
				synctest.Wait()
				for slot := s.newest(); len(slot.orders) > 0; {
					if o := <-slot.orders; o.Run != nil {
						slot.report(protocol.Report{Outcome: &end})
						ended++
					}
				}
			}
			return ended
		}
		failures = serve(10 * time.Minute)
		state, unready := s.State(), health.Of(s.Health()...).Failed()
		if failures < 6 || failures > 30 || !strings.Contains(state, "one job at a time") || !strings.Contains(unready, "failures: 5 different jobs") {
			t.Errorf("%d failures in ten minutes, state %q, not ready: %q", failures, state, unready)
		}
		end = protocol.Outcome{Kind: protocol.Done}
		if done := serve(20 * time.Minute); done < 20 || s.care.on() {
			t.Errorf("%d jobs done after one got on, careful: %t", done, s.care.on())
		}
		s.drain(nil)
		<-s.ended
	})
}
