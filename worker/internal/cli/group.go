package cli

import (
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/protect"
)

// protector protects the instance while it is busy, where that is wanted; nil: it is not, or in no group.
func protector(cfg aws.Config, settings contract.Settings, instance imds.Instance, clock protect.Clock, log *slog.Logger) *protect.Protector {
	if !settings.ProtectBusy || instance.Group == "" {
		return nil
	}
	return &protect.Protector{API: autoscaling.NewFromConfig(cfg), Group: instance.Group, Instance: instance.ID, Clock: clock, Log: log}
}
