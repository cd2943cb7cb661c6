package loop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// suspicious is how many different jobs fail on a worker, without a checkpoint between them, until it takes care: the
// fault may be its instance's.
const suspicious = 5

// carePauses are those of a careful worker after a job that failed.
var carePauses = backoff.Pauses{First: 10 * time.Second, Most: 5 * time.Minute, Least: 5 * time.Second}

// care slows down a worker on which each job fails. A careful worker takes one job at a time, with growing pauses, until a
// job is done or saves a checkpoint. Its methods may be called by several loops.
type care struct {
	mu     sync.Mutex
	given  int              // jobs that slots have
	saved  int64            // checkpoints of this worker, as last looked at
	failed map[job.Key]bool // since a job last got on, up to suspicious
	pauses int64            // that a careful worker has made
	until  time.Duration    // no job is taken before, monotonic
}

// take takes note that a slot was given a job.
func (c *care) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given++
}

// end takes note of how an attempt ended, when so many checkpoints had been saved. It reports whether the worker is careful
// now and was not before.
func (c *care) end(a lease.Account, saved int64, now time.Duration, random *rand.Rand) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given--
	c.look(saved)
	if a.Outcome == lease.Done {
		c.reset()
	}
	if !a.Failed {
		return false
	}
	before := c.careful()
	if c.failed == nil {
		c.failed = map[job.Key]bool{}
	}
	if !before {
		c.failed[a.Job.Key] = true
	}
	if !c.careful() {
		return false
	}
	c.until = now + carePauses.After(c.pauses, random)
	c.pauses++
	return !before
}

// wait is how long no job may be taken; lease.Never: until the slots have none. After that, most jobs may be taken at once; 0:
// any number.
func (c *care) wait(saved int64, now time.Duration) (until time.Duration, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.look(saved); {
	case !c.careful():
		return now, 0
	case c.given > 0:
		return lease.Never, 1
	}
	return max(now, c.until), 1
}

// look sees whether a job has got on since the last look.
func (c *care) look(saved int64) {
	if saved != c.saved {
		c.saved = saved
		c.reset()
	}
}

func (c *care) reset() { c.failed, c.pauses, c.until = nil, 0, 0 }

func (c *care) careful() bool { return len(c.failed) >= suspicious }

// on reports whether the worker is careful.
func (c *care) on() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.careful()
}

// saved counts the checkpoints of this worker's jobs.
func (w *Worker) saved() int64 { return w.Attempts.Tally.Checkpoints.Load() }

// takeCare waits until another job may be taken, and says how many of most. 0: a drain began first.
func (w *Worker) takeCare(ctx context.Context, most int) int {
	for waited := false; ctx.Err() == nil; waited = true {
		now := w.Attempts.Clock.Monotonic()
		until, limit := w.care.wait(w.saved(), now)
		switch {
		case limit == 0:
			return most
		case until <= now:
			return limit
		case !waited: // their visibility timeout may be shorter than the wait
			w.Intake.DeleteUsed(context.WithoutCancel(ctx))
		}
		w.Vitals.Within(receiving, idleLook+slack)
		w.receiver.Wait(ctx, min(until, now+idleLook))
	}
	return 0
}

// judge takes an attempt that is over into account.
func (w *Worker) judge(ctx context.Context, a lease.Account) {
	if w.care.end(a, w.saved(), w.Attempts.Clock.Monotonic(), w.Attempts.Rand) {
		w.Log.WarnContext(ctx, "each job fails here: one at a time until one gets on", "jobs", suspicious)
	}
	switch {
	case a.Fault != "":
		w.fall(ctx, a.Fault)
	case a.Outcome == lease.Done || a.Outcome == lease.Dead || a.Outcome == lease.Failed:
		w.illness.gotOn()
	}
}

func (w *Worker) careHealth() health.Check {
	if w.care.on() {
		return health.Check{Name: health.Failures, Detail: fmt.Sprintf("%d different jobs failed here without a checkpoint between them: one job at a time until one gets on", suspicious)}
	}
	return health.Check{Name: health.Failures, OK: true, Detail: "not each job fails"}
}
