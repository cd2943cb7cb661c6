package cli

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/boot"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/protect"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// protector protects the instance while it is busy, where that is wanted; nil: it is not, or in no group.
func protector(cfg aws.Config, settings contract.Settings, instance imds.Instance, clock protect.Clock, log *slog.Logger) *protect.Protector {
	if !settings.ProtectBusy || instance.Group == "" {
		return nil
	}
	return &protect.Protector{API: autoscaling.NewFromConfig(cfg), Group: instance.Group, Instance: instance.ID, Clock: clock, Rand: supervisor.Random(), Log: log}
}

// enterService waits until the group takes the instance out of its warm pool, if it has one, and completes the launch hook,
// which fires a second time then: user-data, which completed the first, runs once in an instance's life.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
func enterService(ctx context.Context, log *slog.Logger, metadata *imds.Client, cfg aws.Config, settings contract.Settings, instance imds.Instance) {
	if !settings.WarmPool || instance.Group == "" {
		return
	}
	metadata.AwaitService(ctx, log)
	if ctx.Err() != nil || settings.LaunchHook == "" {
		return
	}
	group := boot.Group{API: autoscaling.NewFromConfig(cfg), Instance: instance, Log: log}
	if err := group.InService(ctx, settings.LaunchHook); err != nil {
		log.ErrorContext(ctx, "launch hook not completed: the group abandons this instance when it times out", "error", err.Error())
	}
}
