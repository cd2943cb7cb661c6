package imds

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"
)

func TestWarmInstanceWaitsUntilItIsInService(t *testing.T) {
	server, client := start(t)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, c := range []struct {
		state string
		waits bool
	}{{"Warmed:Stopped", true}, {"Warmed:Running", true}, {"Terminated", true}, {"InService", false}} {
		server.SetTargetState(c.state)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		client.AwaitService(ctx, log)
		if waited := ctx.Err() != nil; waited != c.waits {
			t.Errorf("target state %s: waited %t", c.state, waited)
		}
		cancel()
	}
}
