package scaling

import (
	"cmp"
	"time"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Period is the resolution of all metrics that scaling reads, in seconds. SQS publishes no finer ones.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const Period = 60

// Source says whose metric it is, hence which dimensions it has.
type Source int

// The sources of metrics.
const (
	Queue       Source = iota // the content type's SQS queue
	Group                     // its Auto Scaling group, or the group's instances together
	ContentType               // its workers
)

// Metric is one input of an alarm's formula.
type Metric struct {
	ID        string // name in the formulas
	Label     string
	Source    Source
	Namespace string // "": the environment's own, see contract.MetricNamespace
	Name      string
	Stat      string // "Maximum", "Average" …
}

// In is the metric as an environment has it.
func (m Metric) In(tier, environment string) Metric {
	m.Namespace = cmp.Or(m.Namespace, contract.MetricNamespace(tier, environment))
	return m
}

// Formula is a named expression; later formulas of an alarm may use the names of earlier ones.
type Formula struct {
	ID    string
	Label string
	Expr  Expr
}

// Alarm is one half of the pair, or one for people: when it acts and what it does then. The last formula is
// the one that is compared; without any it is the one metric.
type Alarm struct {
	Description string
	Page        string // about it, under docs/
	Metrics     []Metric
	Formulas    []Formula
	Comparison  string // ComparisonOperator
	Threshold   float64
	Periods     int    // all of this many periods must breach
	Policy      Policy // none for people
	// MissingBreaches makes missing data act (TreatMissingData breaching). Default: it never acts (notBreaching).
	MissingBreaches bool
}

// TreatMissingData is the alarm's property of that name.
func (a Alarm) TreatMissingData() string {
	if a.MissingBreaches {
		return "breaching"
	}
	return "notBreaching"
}

// Policy is a step scaling policy.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
type Policy struct {
	AdjustmentType         string
	MinAdjustmentMagnitude int // 0: not set
	Aggregation            string
	Steps                  []Step
}

// Step adds Adjustment where the breach, counted from the alarm's threshold, lies between the bounds;
// nil is unbounded. The lower bound belongs to the step above the threshold, the upper one below it.
type Step struct {
	Lower, Upper *float64
	Adjustment   int
}

// Params are what the two alarms of one content type depend on.
type Params struct {
	Processes     int           // per instance
	TargetLatency time.Duration // how long a job may wait
	MeanJobTime   time.Duration // counts until the workers have measured it
	CPUBelow      int           // per cent
	CPUFor        time.Duration // whole minutes
	RemovePercent int           // of the group, at least one instance
	MinCapacity   int
	MaxCapacity   int
}

// ParamsOf are those of a content type. The bounds are the widest that its schedule gives the group.
func ParamsOf(t tierspec.ContentType) Params {
	return Params{
		Processes:     t.ProcessesPerInstance,
		TargetLatency: t.ScaleOut.TargetLatency,
		MeanJobTime:   t.ScaleOut.MeanJobTime,
		CPUBelow:      t.ScaleIn.CPUBelow,
		CPUFor:        t.ScaleIn.For,
		RemovePercent: t.ScaleIn.RemovePercent,
		MinCapacity:   t.LowestMin(),
		MaxCapacity:   t.HighestMax(),
	}
}
