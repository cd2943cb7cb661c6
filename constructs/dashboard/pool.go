package dashboard

import (
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// PoolProps say which pool a dashboard shows. Values may be CDK tokens.
type PoolProps struct {
	Region      string
	Tier        string
	Environment string
	ContentType string

	Queue           string // names, not ARNs
	DeadLetterQueue string
	Group           string
	Scaling         scaling.Params
	MaxCapacity     int
	TargetTracking  bool     // in place of the alarm pair
	Alarms          []string // ARNs
}

// NewPool defines the dashboard of one pool.
func NewPool(scope constructs.Construct, id string, p PoolProps) awscloudwatch.CfnDashboard {
	return awscloudwatch.NewCfnDashboard(scope, &id, &awscloudwatch.CfnDashboardProps{DashboardBody: new(p.Body())})
}

// Body is the source of the dashboard: the states of the alarms, the values that scaling and the alarms compare, with the thresholds they
// compare them with, what they are made of, and what becomes of the jobs.
func (p PoolProps) Body() string {
	intro := text("# " + p.ContentType + " in " + p.environment() +
		"\nCPU is low while all processes are busy? That is no reason to scale in but to raise `processesPerInstance`: the jobs wait for something else than the processor." +
		"\nOnce the scale-in alarm holds, the group scales in every minute; jobs go on elsewhere from their last checkpoint.")
	states := widget{Type: "alarm", Width: fullWidth, Height: alarmHeight, Properties: properties{
		Title: "Alarms (that of scaling in is in ALARM whenever the group is larger than its work)", Alarms: p.Alarms,
	}}
	return page([]widget{intro, states}, slices.Concat(p.scaling(), p.instances(), p.queues(), p.jobs()))
}

func (p PoolProps) instances() []widget {
	return []widget{
		graph(p.Region, "Instances", [][]any{
			p.group("GroupDesiredCapacity", "desired"),
			p.group("GroupInServiceInstances", "in service"),
			p.group("GroupTerminatingInstances", "draining"),
			p.group("GroupMaxSize", "largest number"),
		}),
		graph(p.Region, "CPU and busy processes, per cent", [][]any{
			{"AWS/EC2", "CPUUtilization", "AutoScalingGroupName", p.Group, options{Label: "CPU", Stat: "Average"}},
			p.own(contract.MetricBusy, options{Label: "busy", Stat: "Average"}),
		}),
	}
}

func (p PoolProps) queues() []widget {
	target := p.Scaling.TargetLatency.Seconds()
	return []widget{
		graph(p.Region, "Messages", [][]any{
			{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", p.Queue, options{Label: "waiting", Stat: "Maximum"}},
			{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", p.DeadLetterQueue, options{Label: "dead letters (alarm above 0)", Stat: "Maximum"}},
		}),
		graph(p.Region, "Age of the oldest message, seconds", [][]any{
			{"AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", p.Queue, options{Label: "age", Stat: "Maximum"}},
		}, line{"target (alarm above)", target}),
	}
}

// jobs are the graphs of what workers tell about jobs. RUNNING jobs have no metric of their own, which would be
// billed: they are the unfinished ones that are not READY.
func (p PoolProps) jobs() []widget {
	sum := func(metric, label string) []any { return p.own(metric, options{Label: label, Stat: "Sum"}) }
	spent, mean := scaling.JobTime(p.Scaling)
	return []widget{
		graph(p.Region, "Jobs by state", [][]any{
			{options{ID: "running", Expression: "unfinished-ready", Label: "RUNNING"}},
			p.own(contract.MetricReady, options{ID: "ready", Label: "READY", Stat: "Maximum"}),
			p.own(contract.MetricDead, options{Label: "DEAD", Stat: "Maximum"}),
			p.own(contract.MetricUnfinished, options{ID: "unfinished", Stat: "Maximum", Visible: new(false)}),
		}),
		graph(p.Region, "Jobs that ended, a minute", [][]any{
			sum(contract.MetricEndedDone, "DONE"), sum(contract.MetricEndedDead, "DEAD"), sum(contract.MetricEndedCancelled, "CANCELLED"),
		}),
		graph(p.Region, "Jobs that went on, a minute", [][]any{
			sum(contract.MetricResumed, "resumed at a checkpoint"), sum(contract.MetricRestarted, "restarted from the beginning"),
		}),
		graph(p.Region, "Oldest checkpoint of a running job, seconds", [][]any{
			p.own(contract.MetricCheckpointAge, options{Label: "age", Stat: "Maximum"}),
		}),
		graph(p.Region, "What broke, a minute", [][]any{
			sum(contract.MetricZombies, "jobs of workers that stopped sending heartbeats (alarm above 0)"),
			sum(contract.MetricSick, "sick instances (alarm above 0)"),
			sum(contract.MetricCareful, "workers on which each job fails (alarm above 0)"),
			sum(contract.MetricBootFailures, "boots that failed (alarm above 0)"),
		}),
		graph(p.Region, "Mean job time, seconds", p.lines(spent, []scaling.Formula{mean}), line{"meanJobTime, where measuring starts", p.Scaling.MeanJobTime.Seconds()}),
	}
}

// group is a metric of the Auto Scaling group, own one of the pool's workers.
func (p PoolProps) group(metric, label string) []any {
	return []any{"AWS/AutoScaling", metric, "AutoScalingGroupName", p.Group, options{Label: label}}
}

func (p PoolProps) own(metric string, o options) []any {
	return []any{contract.MetricNamespace(p.Tier, p.Environment), metric, contract.DimensionContentType, p.ContentType, contract.DimensionEnvironment, p.environment(), o}
}

func (p PoolProps) environment() string { return contract.MetricEnvironment(p.Tier, p.Environment) }

// scaling are the graphs of what the group scales out and in by.
func (p PoolProps) scaling() []widget {
	if p.TargetTracking {
		t := scaling.Track(p.Scaling)
		return []widget{graph(p.Region, "Backlog, seconds (target tracking)", p.lines(t.Metrics, t.Formulas), line{"kept here", t.Target})}
	}
	out, in := scaling.ScaleOut(p.Scaling), scaling.ScaleIn(p.Scaling)
	return []widget{
		graph(p.Region, "Instances missing (scale out)", p.lines(out.Metrics, out.Formulas), p.steps(out)...),
		graph(p.Region, "CPU, 100 % while the instances are needed (scale in)", p.lines(in.Metrics, in.Formulas), line{"scale in up to here", in.Threshold}),
	}
}

// steps are the values from which on a step of the alarm's policy adds its instances, as far as the group may grow
// by them. The first is the alarm's threshold.
func (p PoolProps) steps(a scaling.Alarm) []line {
	var lines []line
	for _, s := range a.Policy.Steps {
		if len(lines) == 0 || s.Adjustment <= p.MaxCapacity {
			lines = append(lines, line{"+" + strconv.Itoa(s.Adjustment), a.Threshold + *s.Lower})
		}
	}
	return lines
}

// lines are the last formula, as a line, and all that it is made of, hidden.
func (p PoolProps) lines(metrics []scaling.Metric, formulas []scaling.Formula) [][]any {
	var lines [][]any
	for i, f := range formulas {
		o := options{ID: f.ID, Expression: f.Expr.String(), Label: f.Label}
		if i < len(formulas)-1 {
			o.Visible = new(false)
		}
		lines = append(lines, []any{o})
	}
	for _, m := range metrics {
		m = m.In(p.Tier, p.Environment)
		metric := []any{m.Namespace, m.Name}
		switch m.Source {
		case scaling.Queue:
			metric = append(metric, "QueueName", p.Queue)
		case scaling.Group:
			metric = append(metric, "AutoScalingGroupName", p.Group)
		case scaling.ContentType:
			metric = append(metric, contract.DimensionContentType, p.ContentType, contract.DimensionEnvironment, p.environment())
		}
		lines = append(lines, append(metric, options{ID: m.ID, Stat: m.Stat, Visible: new(false)}))
	}
	return lines
}
