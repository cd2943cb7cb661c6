package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/group"
	"github.com/worker-tier/worker-tier/worker/internal/jobfolder"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// crashLimit is the crashes at one position that make a job DEAD.
const crashLimit = 5

// newSupervisor puts the supervisor together with AWS and with this machine.
func newSupervisor(cfg aws.Config, o Options, member group.Membership, log *slog.Logger) (*supervisor.Supervisor, error) {
	settings := o.Settings
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the worker's own binary: %w", err)
	}
	clock := supervisor.SystemClock{}
	table := store.NewDynamo(dynamodb.NewFromConfig(cfg), settings.Table)
	messages := queue.NewSQS(sqs.NewFromConfig(cfg), settings.QueueURL, settings.DeadLetterQueueURL)
	objects := blob.NewS3(s3.NewFromConfig(cfg), settings.ArtifactsBucket)
	random, tally := supervisor.Random(), &lease.Tally{}
	claimer := &lease.Claimer{Store: table, Blobs: objects, Clock: clock, Rand: random, ContentType: settings.ContentType, Worker: member.Instance, Timing: settings.Timing, Log: log}
	return &supervisor.Supervisor{
		Slot: slot.Options{
			Executable: executable, Args: o.Slot, Log: log, Confinement: confine.New(memoryOf(settings, log), log),
		},
		Folders: jobfolder.New(folderOfJobs(), log),
		Protect: protection(settings, member, clock, random),
		Worker: loop.Worker{
			Processes: settings.Processes,
			Receiver:  messages,
			Intake:    &lease.Intake{Inbox: messages, Claimer: claimer, Log: log, Tally: tally},
			Attempts:  lease.Deps{Store: table, Blobs: objects, Bells: messages, Clock: clock, Rand: random, Timing: settings.Timing, Log: log, Retry: settings.Retry, Tally: tally},
			Sweeper: &sweep.Sweeper{
				Store: table, Blobs: objects, Queue: messages, Clock: clock, Log: log, ContentType: settings.ContentType,
				Worker: fmt.Sprintf("%s/%016x", member.Instance, random.Uint64()), Interval: settings.Sweep, Slots: settings.Processes, CrashLimit: crashLimit,
				Measure: true,
			},
			Probe: func(ctx context.Context) error {
				if _, err := table.Get(ctx, sweep.ControlKey(settings.ContentType)); err != nil {
					return err
				}
				return objects.Answers(ctx, contract.SpillPrefix(settings.ContentType, "probe"))
			},
			Meter:   metrics.NewMeter(settings.Processes, clock.Monotonic),
			Metrics: metrics.NewPublisher(cloudwatch.NewFromConfig(cfg), settings),
			EMF:     embedded(settings, log),
			Log:     log,
		},
	}, nil
}

// stateDirectory is where systemd tells a service its state folder (StateDirectory= of the unit).
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#StateDirectory=
const stateDirectory = "STATE_DIRECTORY"

// folderOfJobs is where the folders of jobs lie: in the unit's state folder, which outlives a restart. So a restarted
// worker removes what the one before left. Without a unit they lie among the temporary files of the machine.
func folderOfJobs() string {
	if folder, _, _ := strings.Cut(os.Getenv(stateDirectory), ":"); folder != "" {
		return folder
	}
	return os.TempDir()
}

// embedded logs attempts in the embedded metric format, where that is wanted; nil: it is not.
func embedded(settings contract.Settings, log *slog.Logger) *metrics.EMF {
	if !settings.EMF {
		return nil
	}
	return &metrics.EMF{
		Log: log, Namespace: contract.MetricNamespace(settings.Tier, settings.Environment),
		Environment: contract.MetricEnvironment(settings.Tier, settings.Environment), ContentType: settings.ContentType,
	}
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

// protection keeps the group from taking the instance while it is busy. It is nil where that is not wanted, or without a group.
func protection(settings contract.Settings, member group.Membership, clock group.Clock, random *rand.Rand) func(context.Context, func() bool) {
	if !settings.ProtectBusy || member.Group == "" {
		return nil
	}
	return (&group.Protector{Membership: member, Clock: clock, Rand: random}).Run
}
