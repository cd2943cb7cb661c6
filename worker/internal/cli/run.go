package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
	"github.com/worker-tier/worker-tier/worker/internal/systemd"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

const (
	// processors of the supervisor, whatever the machine has; the slots have all. It mostly waits for AWS and for its slots,
	// and with more than one the Go runtime spends a fifth of its time on looking for work in vain (decision 024).
	processors = 1
	// garbage is how much there may be before it is collected, in per cent of what is live: twice Go's default. Of the 100 KiB that
	// a short job takes for its calls to AWS, next to nothing lives on; the few MiB more are less than a slot's own.
	garbage = 200
	// failureLimit and crashLimit are the failures, and the crashes at one position, that make a job DEAD.
	failureLimit, crashLimit = 5, 5
	exitInterrupted          = 130
)

type runCommand struct {
	Debug bool `env:"WORKER_DEBUG" help:"Log every checkpoint and sweep too."`
}

// Help is shown by 'worker run --help'.
func (c *runCommand) Help() string {
	return "The worker reads its settings from the environment variables WORKER_*, as its instance's Chef role writes them."
}

func (c *runCommand) logger(to io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: level}))
}

func (c *runCommand) Run(ctx context.Context, e *env) error {
	limitRuntime()
	log := c.logger(e.err)
	settings, err := e.settings()
	if err != nil {
		return err
	}
	cfg, err := regionConfig(ctx)
	if err != nil {
		return err
	}
	manager, err := systemd.Connect()
	if err != nil {
		return err
	}
	told := service{manager: manager, vitals: &vitals.Board{}, log: log, random: supervisor.Random()}
	ctx, notices := drain.Watch(ctx)
	drainOnSignal(log, notices)
	metadata := imds.New(cfg) // is asked all the time, and not counted among the requests to AWS
	operators := &board{notices: notices, vitals: told.vitals, ctx: ctx, over: make(chan struct{}), counted: append(metrics.Watch(&cfg).Families(), metrics.Process()...)}
	defer operators.close()
	if err := operators.listen(settings.Listen, log); err != nil {
		return err
	}

	instance, onEC2 := identify(ctx, told, metadata, settings.TerminationHook)
	s, err := newSupervisor(cfg, settings, instance, log.With("instance", instance.ID, "content_type", settings.ContentType))
	if err != nil {
		return err
	}
	s.Hurried, s.Vitals = notices.Hurried(), told.vitals
	operators.jobs.Store(s)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	defer watch.Wait()
	defer end()
	watch.Go(func() { operators.push(life, settings, instance.ID, log) })
	if onEC2 {
		watcher := metadata.Watcher(log, settings.DrainOnRebalance, notices.Take)
		watcher.Look(life) // a worker that is started again on an instance that goes away takes no job
		watch.Go(func() { watcher.Run(life) })
	}
	group := imds.Membership{API: autoscaling.NewFromConfig(cfg), Hook: settings.TerminationHook, Instance: instance}
	release := hold(life, log, group, notices)
	defer release()

	if err := awaitTable(ctx, told, s.Probe, cfg, onEC2); err != nil {
		return err
	}
	if err := manager.Tell(systemd.Ready); err != nil { // Chef waits for that
		return err
	}
	watch.Go(func() { told.run(life, operators.text) })
	watch.Go(func() { told.stops(life, notices.Stopped(), settings.DrainBudget+settings.Lease) })
	if ctx.Err() == nil {
		log.InfoContext(ctx, "worker started", "pid", os.Getpid(), "instance", instance.ID, "content_type", settings.ContentType,
			"processor", settings.Processor, "processes", settings.Processes, "lease", settings.Lease.String())
		operators.work(ctx, s, func() { enterService(ctx, log, metadata, cfg, settings, instance) })
	}
	close(operators.over)
	log.InfoContext(life, "drained", "cause", drain.Of(ctx).Error())
	leave(life, operators, imds.Leaving{Membership: group, Cause: drain.Of(ctx), Terminating: metadata.Terminating, Release: release, Rand: supervisor.Random(), Log: log, Tell: operators.tell})
	return nil
}

// leave leaves the instance's group, if it stands in one, and returns once the process is told to end.
func leave(ctx context.Context, operators *board, leaving imds.Leaving) {
	if leaving.Instance.Group == "" {
		operators.tell("the worker ends: it knows of no Auto Scaling group that its instance stands in")
		return
	}
	leaving.Until(ctx, operators.notices.Stopped())
}

// settings are those of the environment, for a processor that this binary has.
func (e *env) settings() (contract.Settings, error) {
	settings, err := contract.SettingsFrom(os.LookupEnv)
	if err != nil {
		return settings, fmt.Errorf("the worker's settings are incomplete:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	if _, ok := e.Processors[settings.Processor]; !ok {
		known := strings.Join(slices.Sorted(maps.Keys(e.Processors)), ", ")
		return settings, fmt.Errorf("%s: this worker has no processor %q (it has %s)", contract.EnvProcessor, settings.Processor, known)
	}
	return settings, nil
}

// drainOnSignal drains on the first SIGTERM or SIGINT and exits at once on the second: the slots end
// with their supervisor.
func drainOnSignal(log *slog.Logger, notices *drain.Notices) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() { // lives as long as the process
		notices.Take(&drain.Cause{Source: drain.Signal, Detail: (<-signals).String()})
		log.Error("second signal: exiting now", "signal", (<-signals).String())
		os.Exit(exitInterrupted)
	}()
}

// hold keeps the group from taking the instance away from when it wants to until release is called.
func hold(ctx context.Context, log *slog.Logger, group imds.Membership, notices *drain.Notices) (release func()) {
	holding, end := context.WithCancel(ctx)
	var held sync.WaitGroup
	held.Go(func() {
		select {
		case <-notices.Leaving():
			group.Hold(holding, log)
		case <-holding.Done():
		}
	})
	return func() { end(); held.Wait() }
}

// limitRuntime makes the supervisor's process one that waits. Slots are other processes.
func limitRuntime() {
	runtime.GOMAXPROCS(processors)
	debug.SetGCPercent(garbage)
}

func newSupervisor(cfg aws.Config, settings contract.Settings, instance imds.Instance, log *slog.Logger) (*supervisor.Supervisor, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the worker's own binary: %w", err)
	}
	clock := supervisor.SystemClock{}
	table := store.NewDynamo(dynamodb.NewFromConfig(cfg), settings.Table)
	messages := queue.NewSQS(sqs.NewFromConfig(cfg), settings.QueueURL, settings.DeadLetterQueueURL)
	objects := blob.NewS3(s3.NewFromConfig(cfg), settings.ArtifactsBucket)
	random := supervisor.Random()
	claimer := &lease.Claimer{Store: table, Blobs: objects, Clock: clock, Rand: random, ContentType: settings.ContentType, Worker: instance.ID, Timing: settings.Timing}
	return &supervisor.Supervisor{
		Processes: settings.Processes,
		Slot: slot.Options{
			Executable: executable, Args: []string{"slot", "--processor", settings.Processor}, Log: log, Confinement: confine.New(memoryOf(settings, log), log),
		},
		Receiver: messages,
		Intake:   &lease.Intake{Inbox: messages, Claimer: claimer, Log: log},
		Attempts: lease.Deps{Store: table, Blobs: objects, Bells: messages, Clock: clock, Rand: random, Timing: settings.Timing, Log: log, Failures: failureLimit, Tally: &lease.Tally{}},
		Sweeper: &sweep.Sweeper{
			Store: table, Queue: messages, Clock: clock, Log: log, ContentType: settings.ContentType,
			Worker: fmt.Sprintf("%s/%016x", instance.ID, random.Uint64()), Interval: settings.Sweep, Slots: settings.Processes, Crashes: crashLimit,
			JobTime: settings.JobTime,
		},
		Probe: func(ctx context.Context) error {
			if _, err := table.Get(ctx, sweep.ControlKey(settings.ContentType)); err != nil {
				return err
			}
			return objects.Answers(ctx, contract.SpillPrefix(settings.ContentType, "probe"))
		},
		Meter:     metrics.NewMeter(settings.Processes, clock.Monotonic),
		Metrics:   metrics.NewPublisher(cloudwatch.NewFromConfig(cfg), settings),
		EMF:       embedded(settings, log),
		Protector: protector(cfg, settings, instance, clock, log),
		Log:       log,
	}, nil
}

// embedded logs attempts in the embedded metric format, where that is wanted; nil: it is not.
func embedded(settings contract.Settings, log *slog.Logger) *metrics.EMF {
	if !settings.EMF {
		return nil
	}
	return &metrics.EMF{Log: log, Environment: contract.MetricEnvironment(settings.Tier, settings.Environment), ContentType: settings.ContentType}
}

// memoryOf is the memory limit of a slot in bytes.
func memoryOf(settings contract.Settings, log *slog.Logger) int64 {
	machine := confine.Machine()
	limit := int64(settings.Memory) << 20
	if limit == 0 {
		return confine.Share(machine, settings.Processes)
	}
	if all := limit * int64(settings.Processes); machine > 0 && all > machine {
		log.Warn("the slots together may use more memory than there is", contract.EnvMemory, settings.Memory, "processes", settings.Processes, "machine_mib", machine>>20)
	}
	return limit
}
