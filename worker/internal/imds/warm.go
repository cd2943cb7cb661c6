package imds

import (
	"context"
	"log/slog"
	"time"
)

// The target lifecycle state of an instance that is to work, and the prefix of those of an instance that
// boots for a warm pool, waits in it or goes from there: "Warmed:Stopped", "Warmed:Running" …
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
const (
	inService = "InService"
	warmed    = "Warmed:"
)

// AwaitService returns once the group wants the instance in service, or when ctx ends. An instance of a
// warm pool must claim nothing before: it would be stopped with its jobs.
func (c *Client) AwaitService(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for told := ""; ; {
		state, err := c.get(ctx, targetState)
		switch {
		case ctx.Err() != nil || err == nil && state == inService:
			return
		case err != nil:
			log.WarnContext(ctx, "instance metadata not read, trying again", "error", err.Error())
		case state != told:
			log.InfoContext(ctx, "not in service yet: no jobs are taken", "target_lifecycle_state", state)
			told = state
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
