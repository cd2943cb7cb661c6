package cli

import (
	"context"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/group"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// protection keeps the group from taking the instance while it is busy. It is nil where that is not wanted, or without a group.
func protection(settings contract.Settings, member group.Membership, clock group.Clock) func(context.Context, func() bool) {
	if !settings.ProtectBusy || member.Group == "" {
		return nil
	}
	return (&group.Protector{Membership: member, Clock: clock, Rand: supervisor.Random()}).Run
}

// enterService waits until the group takes the instance out of its warm pool, if it has one.
func enterService(ctx context.Context, metadata *imds.Client, settings contract.Settings, member group.Membership) {
	if settings.WarmPool && member.Group != "" {
		member.LeaveWarmPool(ctx, func(ctx context.Context) { metadata.AwaitService(ctx, member.Log) })
	}
}
