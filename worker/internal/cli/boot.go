package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/doctor"
	"github.com/worker-tier/worker-tier/worker/internal/group"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// checkTimeout is how long a new instance waits for what does not answer yet before its boot has failed.
const checkTimeout = time.Minute

// bootCommand is for the instance itself: its user-data and its systemd units.
type bootCommand struct {
	Complete  bootCompleteCommand  `cmd:"" help:"Check that this instance can work, then let its group count it."`
	Unhealthy bootUnhealthyCommand `cmd:"" help:"Ask the group to replace this instance."`
}

type bootCompleteCommand struct {
	Document string `type:"existingfile" help:"First-boot document with the settings (default: the environment variables WORKER_*)."`
}

// Run checks what a worker needs before it counts as capacity, as 'worker doctor' does, and completes the launch hook
// only if nothing fails. What may mend itself, such as credentials that are late, is waited for.
func (c *bootCompleteCommand) Run(ctx context.Context, e *env) error {
	settings, cfg, err := e.placement(ctx, c.Document)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(e.err.To, nil))
	results := doctor.Examine(ctx, doctor.Checks(cfg, settings, supervisor.SystemClock{}, supervisor.Random()), doctor.Patience{
		For: checkTimeout, Rand: supervisor.Random(), Final: awsaccess.Lasting,
		Tell: func(c doctor.Probe, err error) {
			log.WarnContext(ctx, "check failed, trying again", "check", c.Name, "error", err.Error())
		},
	})
	if err := doctor.Failure(results); err != nil || settings.LaunchHook == "" {
		return err
	}
	member, err := ownMembership(ctx, log, cfg)
	if err != nil {
		return err
	}
	member.LaunchHook = settings.LaunchHook
	return member.CompleteLaunch(ctx)
}

type bootUnhealthyCommand struct{}

func (c *bootUnhealthyCommand) Run(ctx context.Context, e *env) error {
	cfg, err := awsaccess.Config(ctx)
	if err != nil {
		return err
	}
	member, err := ownMembership(ctx, slog.New(slog.NewJSONHandler(e.err.To, nil)), cfg)
	if err != nil {
		return err
	}
	return member.MarkUnhealthy(ctx)
}

// ownMembership is the place of the instance that this runs on in its group.
func ownMembership(ctx context.Context, log *slog.Logger, cfg aws.Config) (group.Membership, error) {
	instance, err := imds.New(cfg).Discover(ctx)
	if err != nil {
		return group.Membership{}, fmt.Errorf("this is no EC2 instance: %w", err)
	}
	if instance.Group == "" {
		return group.Membership{}, fmt.Errorf("instance %s is in no Auto Scaling group", instance.ID)
	}
	return group.New(cfg, instance.Group, instance.ID, log.With("instance", instance.ID)), nil
}

// takeEnvironment sets the variables of a first-boot document, as the worker's unit has them.
func takeEnvironment(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the first-boot document: %w", err)
	}
	var document contract.FirstBoot
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("read the first-boot document %s: %w", file, err)
	}
	if err := document.CheckSchema(); err != nil {
		return err
	}
	for name, value := range document.WorkerTier.Environment {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("first-boot document %s: %s: %w", file, name, err)
		}
	}
	return nil
}
