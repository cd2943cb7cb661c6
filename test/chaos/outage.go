package main

import (
	"context"
	"time"
)

// outage takes the endpoint away, by turns stopped and started again and frozen, for about a lease. Freezes and
// drains end before: what the outage does to a job must not be taken for their doing.
func (c *chaos) outage(ctx context.Context) error {
	c.pending.Wait()
	c.outages++
	length := time.Second + time.Duration(c.random.Int64N(int64(c.lease())))
	begin := time.Now()
	if c.outages%2 == 0 {
		c.say("  the endpoint freezes for %s", length.Round(100*time.Millisecond))
		if err := c.Server.Freeze(); err != nil {
			return err
		}
		c.wait(ctx, length)
		if err := c.Server.Thaw(); err != nil {
			return err
		}
	} else {
		c.say("  the endpoint stops, and refuses connections for %s once it has saved its state", length.Round(100*time.Millisecond))
		if err := c.Server.Halt(ctx); err != nil {
			return err
		}
		c.wait(ctx, length)
		if err := c.Server.Resume(ctx); err != nil {
			return err
		}
	}
	c.say("  the endpoint is back after %s", time.Since(begin).Round(100*time.Millisecond))
	c.wait(ctx, c.lease()) // what was lost by it is found before the next drain
	return nil
}
