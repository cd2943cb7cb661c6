package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/nagios"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// The figures of a content type.
const (
	oldestJob     = "oldest_job"
	oldestMessage = "oldest_message"
	readyJobs     = "ready"
	runningJobs   = "running"
	deadJobs      = "dead"
	zombieJobs    = "zombies"
	messages      = "messages"
	deadLetters   = "dead_letters"
	pausedType    = "paused"
	sickInstance  = "sick"
)

var typeFigures = []string{oldestJob, oldestMessage, readyJobs, runningJobs, deadJobs, zombieJobs, messages, deadLetters, pausedType, sickInstance}

type checkTypeCommand struct {
	target   `embed:""`
	plugin   `embed:""`
	Warning  limits `short:"w" placeholder:"FIGURE=RANGE" help:"WARNING if a figure is out of its range. Default: dead=0;zombies=0;dead_letters=0;paused=0;sick=0."`
	Critical limits `short:"c" placeholder:"FIGURE=RANGE" help:"CRITICAL if a figure is out of its range. Default: oldest_job and oldest_message may be as old as the content type's targetLatency, unless it is paused."`
}

// Help is shown by 'worker check type --help'.
func (c *checkTypeCommand) Help() string {
	return `Figures:
  oldest_job      s  how long the next READY job has waited since it could run (from the first 10 jobs of each of the 4 parts of the index)
  oldest_message  s  age of the oldest message, from CloudWatch, which is one or two minutes behind
  ready, running     jobs in these states
  dead               DEAD jobs: they failed for good and wait for a redrive
  zombies            RUNNING jobs whose last heartbeat is older than 1.25 leases
  messages           messages that wait in the queue
  dead_letters       messages in the dead-letter queue
  paused             1: the content type is paused
  sick               1: an instance has reported within four minutes that it is sick: it takes no jobs, for its own fault
  read_units         read units of the table that this check used: about 11, plus 1 for each 100 jobs in the index and half a unit for each RUNNING job; it never scans

To set other ranges: --critical ready=5000 --warning 'dead=~:' (allows any number). The default for both ages is targetLatency, which the check reads from the alarm Late.
It does not read the alarm if --critical has ranges for both. The clock of this host must be right.

  backup OK: 3 READY, 2 RUNNING, 3 messages|oldest_job=14s;;600;0 oldest_message=14s;;600;0 ready=3;;;0 running=2;;;0 dead=0;0;;0 zombies=0;0;;0 messages=3;;;0 dead_letters=0;0;;0 paused=0;0;;0;1 sick=0;0;;0;1 read_units=12;;;0
  backup CRITICAL: job 2026-11-24 has waited for 14m0s; 2 jobs are DEAD; 120 READY, 4 RUNNING, 96 messages|oldest_job=840s;;600;0 …
  backup UNKNOWN: environment prod has no content type fax: …

Exit status 0: OK, 1: WARNING, 2: CRITICAL, 3: UNKNOWN.`
}

// Validate is called by kong.
func (c *checkTypeCommand) Validate() error {
	for _, given := range []limits{c.Warning, c.Critical} {
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if !slices.Contains(typeFigures, name) {
				return fmt.Errorf("there is no figure %q, only %s", name, strings.Join(typeFigures, ", "))
			}
		}
	}
	return c.plugin.Validate()
}

func (c *checkTypeCommand) Run(ctx context.Context, e *env) error {
	return c.answer(ctx, e.out.To, c.Type, func(ctx context.Context) (verdict, error) {
		p, err := c.open(ctx)
		if err != nil {
			return verdict{}, err
		}
		found, err := p.look(ctx)
		if err != nil {
			return verdict{}, err
		}
		warning, critical, err := c.limits(ctx, p, found.Paused)
		if err != nil {
			return verdict{}, err
		}
		v := judge(found.figures(), warning, critical, found.summary())
		v.metrics = append(v.metrics, nagios.Metric{Label: "read_units", Value: found.ReadUnits, Min: new(0.0)})
		return v, nil
	})
}

// limits returns the ranges from the command line, and the defaults for the other figures.
func (c *checkTypeCommand) limits(ctx context.Context, p *typeHandles, paused bool) (warning, critical limits, err error) {
	warning = limits{}
	for _, name := range []string{deadJobs, zombieJobs, deadLetters, pausedType, sickInstance} { // 0 to 0
		warning[name] = nagios.Range{}
	}
	maps.Copy(warning, c.Warning)
	critical = limits{}
	given := c.Critical.of(oldestJob) != nil && c.Critical.of(oldestMessage) != nil
	if !given && !paused { // the jobs of a paused type wait on purpose
		target, err := p.targetLatency(ctx, contract.StackName(c.Tier, c.Environment, c.Type))
		if err != nil {
			return nil, nil, err
		}
		late := nagios.Range{High: target.Seconds()}
		critical[oldestJob], critical[oldestMessage] = late, late
	}
	maps.Copy(critical, c.Critical)
	return warning, critical, nil
}

// typeState is the state of a content type.
type typeState struct {
	statsView
	next    *job.Job // the job that has waited longest; nil: none waits
	waited  time.Duration
	silent  []job.Job      // RUNNING, without heartbeats
	message *time.Duration // age of the oldest message; nil: CloudWatch has none
}

// look asks table, queues and CloudWatch in parallel.
func (p *typeHandles) look(ctx context.Context) (typeState, error) {
	found, now := typeState{}, time.Now()
	meter := &store.Meter{}
	table := p.store.Metered(meter)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { found.statsView, err = p.stats(ctx); return err })
	group.Go(func() (err error) { found.message, err = p.oldestMessage(ctx, now); return err })
	group.Go(func() error {
		jobs, err := p.inLine(ctx, table)
		found.next, found.waited = longestWait(jobs, now)
		return err
	})
	group.Go(func() error {
		running, err := sweep.Jobs(ctx, table, p.contentType, job.DueRunning, job.DueRunning, func(error) {}) // jobs of a newer release are left to its workers
		found.silent = slices.DeleteFunc(running, func(j job.Job) bool { return j.State != job.Running || !now.After(j.SilentUntil()) })
		return err
	})
	err := group.Wait()
	found.ReadUnits += meter.Units()
	return found, err
}

// perShard is the number of jobs of each shard that are read to find the one that has waited longest. They are in the order in which they
// became READY, apart from jobs whose bell was rung again. The messages of those are in the queue, whose age is a figure too.
const perShard = 10

// inLine reads the READY jobs that are next in each shard.
func (p *typeHandles) inLine(ctx context.Context, table *store.Dynamo) ([]job.Job, error) {
	var keys []string
	for shard := range contract.DueShards {
		page, _, err := table.DuePage(ctx, job.DuePartition(p.contentType, shard), job.DueReadyFirst, job.DueReadyLatest, store.PageKey{}, perShard)
		if err != nil {
			return nil, err
		}
		keys = append(keys, page...)
	}
	items, err := table.BatchGet(ctx, keys)
	if err != nil {
		return nil, err
	}
	return lister{unreadable: func(error) {}}.choose(items), nil
}

// longestWait returns the job that has waited longest since it could run, and that time. It returns nil if no job can run.
func longestWait(jobs []job.Job, now time.Time) (*job.Job, time.Duration) {
	var next *job.Job
	longest := time.Duration(0)
	for _, j := range jobs {
		since := j.UpdatedAt
		if j.NotBefore.After(since) {
			since = j.NotBefore
		}
		if waited := now.Sub(since); j.State == job.Ready && !j.Paused && waited >= longest {
			next, longest = &j, waited
		}
	}
	return next, longest
}

// ageWindow is how far back the age of the oldest message is read. CloudWatch has a value for each minute, one or two minutes late.
const ageWindow = 5 * time.Minute

// oldestMessage returns the age of the oldest message in the queue, or nil if CloudWatch has no value. AWS charges for the request.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func (p *typeHandles) oldestMessage(ctx context.Context, now time.Time) (*time.Duration, error) {
	out, err := cloudwatch.NewFromConfig(p.cfg).GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String(contract.QueueNamespace), MetricName: aws.String(contract.QueueAge),
		Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String(path.Base(p.queueURL))}},
		StartTime:  aws.Time(now.Add(-ageWindow)), EndTime: &now, Period: aws.Int32(60), Statistics: []types.Statistic{types.StatisticMaximum},
	})
	if err != nil {
		return nil, fmt.Errorf("age of the oldest message of %s: %w", path.Base(p.queueURL), err)
	}
	if len(out.Datapoints) == 0 {
		return nil, nil
	}
	last := slices.MaxFunc(out.Datapoints, func(a, b types.Datapoint) int { return a.Timestamp.Compare(*b.Timestamp) })
	age := time.Duration(aws.ToFloat64(last.Maximum) * float64(time.Second))
	return &age, nil
}

// targetLatency returns the threshold of the alarm Late: how old a message of the content type may be.
func (p *typeHandles) targetLatency(ctx context.Context, stack string) (time.Duration, error) {
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(p.cfg), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(stack + "-")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("look for the alarm Late of stack %s: %w", stack, err)
		}
		for _, a := range page.MetricAlarms {
			if isLate(a, path.Base(p.queueURL)) {
				return time.Duration(aws.ToFloat64(a.Threshold) * float64(time.Second)), nil
			}
		}
	}
	return 0, fmt.Errorf("stack %s has no alarm Late that says how long jobs may wait: say it, for example --critical oldest_job=600 --critical oldest_message=600", stack)
}

// isLate reports whether an alarm watches the age of the oldest message of the queue, and no other metric.
func isLate(a types.MetricAlarm, queue string) bool {
	if len(a.Metrics) != 1 || a.Metrics[0].MetricStat == nil {
		return false
	}
	metric := a.Metrics[0].MetricStat.Metric
	return aws.ToString(metric.MetricName) == contract.QueueAge && len(metric.Dimensions) == 1 && aws.ToString(metric.Dimensions[0].Value) == queue
}

// figures returns the figures that are compared with ranges, the most important first.
func (s typeState) figures() []figure {
	count := func(name string, n int, text string) figure { return figure{name: name, value: float64(n), text: text} }
	figures := []figure{{name: oldestJob, unit: "s", value: s.waited.Truncate(time.Second).Seconds(), text: "no job waits"}}
	if s.next != nil {
		figures[0].text = fmt.Sprintf("job %s has waited for %s", s.next.ID, s.waited.Truncate(time.Second))
	}
	if s.message != nil {
		figures = append(figures, figure{name: oldestMessage, unit: "s", value: s.message.Seconds(), text: fmt.Sprintf("the oldest message has waited for %s", *s.message)})
	}
	paused := figure{name: pausedType, most: new(1.0), text: "not paused"}
	if s.Paused {
		paused.value, paused.text = 1, "paused: no job is taken until 'worker type resume'"
	}
	sick := figure{name: sickInstance, most: new(1.0), text: "no instance is sick"}
	if s.Sick != nil {
		sick.value, sick.text = 1, fmt.Sprintf("instance %s is sick: %s", s.Sick.Instance, s.Sick.Reason)
	}
	zombies := count(zombieJobs, len(s.silent), "no worker is silent")
	if len(s.silent) > 0 {
		first := slices.MinFunc(s.silent, func(a, b job.Job) int { return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID)) })
		zombies.text = fmt.Sprintf("%s RUNNING without heartbeats, the longest is %s", operator.Plural(len(s.silent), "job"), first.ID)
	}
	return append(figures, count(readyJobs, s.Jobs[job.Ready], operator.Plural(s.Jobs[job.Ready], "job")+" READY"),
		count(runningJobs, s.Jobs[job.Running], operator.Plural(s.Jobs[job.Running], "job")+" RUNNING"), count(deadJobs, s.Jobs[job.Dead], operator.Plural(s.Jobs[job.Dead], "job")+" DEAD"),
		zombies, count(messages, s.Queue.Visible, operator.Plural(s.Queue.Visible, "message")+" in the queue"),
		count(deadLetters, s.DeadLetters, operator.Plural(s.DeadLetters, "message")+" in the dead-letter queue"), paused, sick)
}

// summary is the part of the text that every state has.
func (s typeState) summary() string {
	return fmt.Sprintf("%d READY, %d RUNNING, %s", s.Jobs[job.Ready], s.Jobs[job.Running], operator.Plural(s.Queue.Visible, "message"))
}
