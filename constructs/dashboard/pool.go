package dashboard

import (
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
	TargetTracking  bool // in place of the alarm pair
}

// NewPool defines the dashboard of one pool: the values that scaling compares, with the thresholds
// it compares them with, and what they are made of.
func NewPool(scope constructs.Construct, id string, p PoolProps) awscloudwatch.CfnDashboard {
	graphs := append(p.scaling(), []widget{
		graph(p.Region, "Instances", [][]any{
			{"AWS/AutoScaling", "GroupDesiredCapacity", "AutoScalingGroupName", p.Group, options{Label: "desired"}},
			{"AWS/AutoScaling", "GroupInServiceInstances", "AutoScalingGroupName", p.Group, options{Label: "in service"}},
			{"AWS/AutoScaling", "GroupTerminatingInstances", "AutoScalingGroupName", p.Group, options{Label: "draining"}},
		}),
		graph(p.Region, "CPU and busy processes, per cent", [][]any{
			{"AWS/EC2", "CPUUtilization", "AutoScalingGroupName", p.Group, options{Label: "CPU", Stat: "Average"}},
			{contract.MetricNamespace, contract.MetricBusy, contract.DimensionContentType, p.ContentType, contract.DimensionEnvironment, p.environment(), options{Label: "busy", Stat: "Average"}},
		}),
		graph(p.Region, "Messages and jobs", [][]any{
			{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", p.Queue, options{Label: "waiting messages", Stat: "Maximum"}},
			{contract.MetricNamespace, contract.MetricUnfinished, contract.DimensionContentType, p.ContentType, contract.DimensionEnvironment, p.environment(), options{Label: "unfinished jobs", Stat: "Maximum"}},
			{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", p.DeadLetterQueue, options{Label: "dead letters", Stat: "Maximum"}},
		}),
		graph(p.Region, "Age of the oldest message, seconds", [][]any{
			{"AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", p.Queue, options{Label: "age", Stat: "Maximum"}},
		}, line{"target", p.Scaling.TargetLatency.Seconds()}),
	}...)
	text := "# " + p.ContentType + " in " + p.environment() +
		"\nCPU is low while all processes are busy? That is no reason to shrink but to raise `processesPerInstance`: the jobs wait for something else than the processor." +
		"\nOnce the scale-in alarm holds, the group shrinks every minute; jobs go on elsewhere from their last checkpoint."
	return awscloudwatch.NewCfnDashboard(scope, &id, &awscloudwatch.CfnDashboardProps{
		DashboardBody: new(page(text, graphs)),
	})
}

func (p PoolProps) environment() string { return contract.MetricEnvironment(p.Tier, p.Environment) }

// scaling are the graphs of what the group grows and shrinks by.
func (p PoolProps) scaling() []widget {
	if p.TargetTracking {
		t := scaling.Track(p.Scaling)
		return []widget{graph(p.Region, "Backlog, seconds (target tracking)", p.lines(t.Metrics, t.Formulas), line{"kept here", t.Target})}
	}
	out, in := scaling.ScaleOut(p.Scaling), scaling.ScaleIn(p.Scaling)
	return []widget{
		graph(p.Region, "Boxes missing (scale out)", p.lines(out.Metrics, out.Formulas), line{"scale out from here", out.Threshold}),
		graph(p.Region, "CPU, 100 % while the boxes are needed (scale in)", p.lines(in.Metrics, in.Formulas), line{"scale in up to here", in.Threshold}),
	}
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
