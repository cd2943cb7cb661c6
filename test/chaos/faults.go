package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-tier/worker-tier/test/fulldisk"
	"github.com/worker-tier/worker-tier/test/localec2"
)

// fault is what goes wrong for a while, beside kills, and heals. They take turns.
type fault struct {
	name string
	do   func(*chaos, context.Context) error
}

var faults = []fault{
	{"downstream away", (*chaos).downstreamAway},
	{"disk full", (*chaos).fillDisk},
	{"log stalled", (*chaos).stallLog},
	{"credentials expired", (*chaos).expireCredentials},
}

// faultEvery is how many kills there are for each fault.
const faultEvery = 5

// fault does the fault whose turn it is after n kills, if it is one's.
func (c *chaos) fault(ctx context.Context, n int) error {
	if n%faultEvery != faultEvery/2 {
		return nil
	}
	f := faults[n/faultEvery%len(faults)]
	c.mu.Lock()
	c.byFault[f.name]++
	c.mu.Unlock()
	return f.do(c, ctx)
}

// downstreamScale is how much shorter the absence of the downstream is than ten minutes. The first and the longest pause after a
// failure are as much shorter than by default, see worker-tier.yaml.
const downstreamScale = 15

// downstreamReason is what the program of content type downstream prints when it cannot do its work.
const downstreamReason = "the downstream is away"

// slotKilled is in the last error of an attempt whose slot the chaos has killed. The failure may be written late, by an instance that
// drains by then.
const slotKilled = "signal: killed, not by the worker"

// downstreamAway takes away what the jobs of a content type need.
func (c *chaos) downstreamAway(ctx context.Context) error {
	const length = 10 * time.Minute / downstreamScale
	c.say("  the downstream goes away for %s, which stand for ten minutes", length)
	if err := os.WriteFile(c.downstream(), nil, 0o644); err != nil {
		return err
	}
	c.healing.Go(func() {
		c.wait(ctx, length)
		if err := os.Remove(c.downstream()); err != nil {
			c.problem("%v", err)
		}
		c.say("  the downstream is back")
	})
	return nil
}

// onVictim does something to an instance and undoes it after one and a half to three leases, while the chaos goes on.
func (c *chaos) onVictim(ctx context.Context, what string, do, undo func(*localec2.Instance) error) error {
	i, err := c.victim(ctx)
	if err != nil {
		return err
	}
	lease := c.lease()
	length := lease*3/2 + time.Duration(c.random.Int64N(int64(lease*3/2)))
	c.say("  %s of %s: %s for %s", i.ID, i.ContentType, what, length.Round(100*time.Millisecond))
	c.note(i, what, false)
	if err := do(i); err != nil {
		return err
	}
	c.healing.Go(func() {
		defer c.release(i)
		c.wait(ctx, length)
		if err := undo(i); err != nil {
			c.problem("%v", err)
		}
		c.say("  %s is well again", i.ID)
	})
	return nil
}

// temporary is the folder for temporary files of an instance.
func temporary(i *localec2.Instance) string { return filepath.Join(i.Dir, localec2.TemporaryFolder) }

// fillDisk leaves no room in the folder for temporary files of an instance.
func (c *chaos) fillDisk(ctx context.Context) error {
	return c.onVictim(ctx, "its disk is full",
		func(i *localec2.Instance) error { return fulldisk.Fill(temporary(i)) },
		func(i *localec2.Instance) error { return fulldisk.Free(temporary(i)) })
}

// expireCredentials has AWS refuse all that an instance asks.
func (c *chaos) expireCredentials(ctx context.Context) error {
	return c.onVictim(ctx, "its credentials have expired",
		func(i *localec2.Instance) error { i.AWS.Expire(true); return nil },
		func(i *localec2.Instance) error { i.AWS.Expire(false); return nil })
}

// stallLog has nobody read the log of an instance any more, and then drains it: neither may keep it from its end.
func (c *chaos) stallLog(ctx context.Context) error {
	i, err := c.victim(ctx)
	if err != nil {
		return err
	}
	c.say("  %s of %s: nobody reads its log any more; it is drained after a lease", i.ID, i.ContentType)
	if err := c.logs.stall(i.ID); err != nil {
		return err
	}
	c.pending.Go(func() {
		c.wait(ctx, c.lease())
		if err := c.drain(ctx, i); err != nil {
			c.problem("%v", err)
		}
	})
	return nil
}
