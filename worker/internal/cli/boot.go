package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/boot"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// checkTimeout is how long a new instance waits for its table before its boot has failed.
const checkTimeout = time.Minute

// bootCommand is for the instance itself: its user-data and its systemd units.
type bootCommand struct {
	Complete  bootCompleteCommand  `cmd:"" help:"Check that this instance can work, then let its group count it."`
	Unhealthy bootUnhealthyCommand `cmd:"" help:"Ask the group to replace this instance."`
}

type bootCompleteCommand struct {
	Document string `type:"existingfile" help:"First-boot document with the settings (default: the environment variables WORKER_*)."`
}

// Run checks what a worker needs before it counts as capacity: settings that it understands, a processor
// that it has, and a table and a queue that its role may use.
func (c *bootCompleteCommand) Run(ctx context.Context, e *env) error {
	if c.Document != "" {
		if err := takeEnvironment(c.Document); err != nil {
			return err
		}
	}
	settings, err := e.settings()
	if err != nil {
		return err
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(e.err, nil))
	waiting, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	table := store.NewDynamo(dynamodb.NewFromConfig(cfg), settings.Table)
	err = await(waiting, log, "job table", func(ctx context.Context) error {
		_, err := table.Get(ctx, sweep.ControlKey(settings.ContentType))
		return err
	}, lasting)
	if err != nil {
		return err
	}
	if waiting.Err() != nil {
		return fmt.Errorf("the job table did not answer within %s", checkTimeout)
	}
	messages := queue.NewSQS(sqs.NewFromConfig(cfg), settings.QueueURL, settings.DeadLetterQueueURL)
	if _, err := messages.Visible(ctx); err != nil {
		return err
	}
	if settings.LaunchHook == "" {
		return nil
	}
	group, err := ownGroup(ctx, log, cfg)
	if err != nil {
		return err
	}
	return group.InService(ctx, settings.LaunchHook)
}

type bootUnhealthyCommand struct{}

func (c *bootUnhealthyCommand) Run(ctx context.Context, e *env) error {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return err
	}
	group, err := ownGroup(ctx, slog.New(slog.NewJSONHandler(e.err, nil)), cfg)
	if err != nil {
		return err
	}
	return group.Unhealthy(ctx)
}

// ownGroup is the group of the instance that this runs on.
func ownGroup(ctx context.Context, log *slog.Logger, cfg aws.Config) (boot.Group, error) {
	instance, err := imds.New(cfg).Discover(ctx)
	if err != nil {
		return boot.Group{}, fmt.Errorf("this is no EC2 instance: %w", err)
	}
	if instance.Group == "" {
		return boot.Group{}, fmt.Errorf("instance %s is in no Auto Scaling group", instance.ID)
	}
	return boot.Group{API: autoscaling.NewFromConfig(cfg), Instance: instance, Log: log.With("instance", instance.ID)}, nil
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
