package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/worker-tier/worker-tier/test/localtier"
)

// calmTime bounds how long the jobs may take to their end once nothing disturbs them any more.
const calmTime = 20 * time.Minute

// bellTime is how long a READY job waits before it is rung by hand. A bell that could not be sent, because the
// endpoint was away or its sender died, is sent again by the sweeper, but only five minutes after the job became
// READY (job.RingDelay), and one that failed waits for its time: the chaos does what a person would do who does not want to wait.
const bellTime = 8 * time.Second

// calm ends the chaos, waits until every job has come to its end, and ends all instances.
func (c *chaos) calm(ctx context.Context) error {
	c.network.Calm()
	begin, said := time.Now(), time.Now()
	ready := map[string]time.Time{} // jobs that were seen READY, since when
	c.say("calm: nothing is disturbed any more; %d of %d jobs are unfinished", c.jobs.unfinished(""), len(c.jobs.list()))
	err := localtier.Await(ctx, "every job to come to its end", calmTime, func(ctx context.Context) (bool, error) {
		c.jobs.look(ctx)
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			c.say("  %d jobs unfinished", c.jobs.unfinished(""))
		}
		c.wait(ctx, 200*time.Millisecond)
		return c.jobs.unfinished("") == 0, c.ringWaiting(ctx, ready)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.problem("%v", err) // the oracle says which
	}
	c.say("calm after %s; stopping the instances", time.Since(begin).Round(100*time.Millisecond))
	err = c.End()
	c.closeOperator()
	if err != nil {
		return err
	}
	c.network.Settle()
	left, err := localtier.Leftovers(filepath.Join(c.dir, "instances"))
	for _, process := range left {
		c.problem("still running: %s", process)
	}
	return err
}

// ringWaiting rings jobs by hand that have been READY for bellTime, as worker jobs resume and retry do.
func (c *chaos) ringWaiting(ctx context.Context, ready map[string]time.Time) error {
	for _, s := range c.jobs.list() {
		if s.done {
			continue
		}
		r, err := c.tier.Job(ctx, s.contentType, s.id)
		if err != nil {
			return err
		}
		since, waits := ready[s.key()]
		switch {
		case r.State != "READY":
			delete(ready, s.key())
		case !waits:
			ready[s.key()] = time.Now()
		case time.Since(since) > bellTime:
			delete(ready, s.key())
			c.rung++
			c.say("  %s waits for its next ring: rung by hand", s.key())
			if err := c.ring(ctx, s, r.Failures > 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// ring rings a job. One that failed and waits for its time is tried now, unless it has just begun to run by itself.
func (c *chaos) ring(ctx context.Context, s *submitted, failed bool) error {
	verb := "resume"
	if failed {
		verb = "retry"
	}
	err := c.command(ctx, "jobs", verb, "--type", s.contentType, s.id)
	if err == nil {
		return nil
	}
	if r, e := c.tier.Job(ctx, s.contentType, s.id); e == nil && r.State != "READY" {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, s.key(), err)
}
