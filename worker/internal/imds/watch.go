package imds

import (
	"context"
	"log/slog"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// watchInterval is how often notices are looked for. A Spot notice comes two minutes ahead; AWS
// recommends to look every five seconds.
const watchInterval = 5 * time.Second

// Watch looks for notices that the instance will be taken away, and calls take with the first. It
// returns after that or when ctx ends.
func (c *Client) Watch(ctx context.Context, log *slog.Logger, take func(*drain.Cause)) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		cause, err := c.notice(ctx)
		if cause != nil {
			take(cause)
			return
		}
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "instance metadata not read", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *Client) notice(ctx context.Context) (*drain.Cause, error) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval)
	defer cancel()
	state, err := c.TargetState(ctx)
	if err != nil {
		return nil, err
	}
	if state == "Terminated" {
		return &drain.Cause{Source: drain.Lifecycle, Detail: "target lifecycle state Terminated"}, nil
	}
	action, err := c.SpotAction(ctx)
	if err != nil || action == "" {
		return nil, err
	}
	return &drain.Cause{Source: drain.Spot, Detail: action}, nil
}
