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
		limit := 5 * time.Minute // for an answer on a machine that has much else to do
		if c.waits {
			limit = 300 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		client.AwaitService(ctx, log)
		if waited := ctx.Err() != nil; waited != c.waits {
			t.Errorf("target state %s: waited %t", c.state, waited)
		}
		cancel()
	}
}

// An instance that goes straight from its warm pool has a termination hook to complete like any other.
func TestWarmInstanceIsTerminatedLikeAnyOther(t *testing.T) {
	server, client := start(t)
	for state, want := range map[string]bool{"Warmed:Terminated": true, "Terminated": true, "Warmed:Stopped": false, "InService": false} {
		server.SetTargetState(state)
		if got, err := client.Terminating(t.Context()); err != nil || got != want {
			t.Errorf("target state %s: terminating %t, error %v", state, got, err)
		}
	}
}
