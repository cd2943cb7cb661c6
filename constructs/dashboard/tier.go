package dashboard

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// TierProps say which tier a dashboard shows.
type TierProps struct {
	Region      string
	Tier        string
	Environment string
}

// NewTier defines the dashboard of all pools of a tier. It finds them with SEARCH expressions, so that a
// new content type appears on it without a change of the stack that holds it: queues and groups by
// their names, which start with those of their stacks, the workers' metrics by their environment.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
func NewTier(scope constructs.Construct, id string, p TierProps) awscloudwatch.CfnDashboard {
	environment := contract.MetricEnvironment(p.Tier, p.Environment)
	named := func(schema, metric string) string {
		return fmt.Sprintf(`{%s} MetricName="%s" %s`, schema, metric, environment)
	}
	own := func(metric string) string { // a namespace that is not alphanumeric stands in quotes
		return fmt.Sprintf(`{"%s",%s,%s} MetricName="%s" %s="%s"`,
			contract.MetricNamespace(p.Tier, p.Environment), contract.DimensionContentType, contract.DimensionEnvironment, metric, contract.DimensionEnvironment, environment)
	}
	var graphs []widget
	for _, g := range []struct{ title, search, stat string }{
		{"Waiting messages", named("AWS/SQS,QueueName", "ApproximateNumberOfMessagesVisible"), "Maximum"},
		{"Age of the oldest message, seconds", named("AWS/SQS,QueueName", "ApproximateAgeOfOldestMessage"), "Maximum"},
		{"Instances in service", named("AWS/AutoScaling,AutoScalingGroupName", "GroupInServiceInstances"), "Average"},
		{"Unfinished jobs", own(contract.MetricUnfinished), "Maximum"},
		{"Dead jobs", own(contract.MetricDead), "Maximum"},
		{"Jobs of workers that stopped sending heartbeats", own(contract.MetricZombies), "Sum"},
		{"Busy processes, per cent", own(contract.MetricBusy), "Average"},
		{"CPU, per cent", named("AWS/EC2,AutoScalingGroupName", "CPUUtilization"), "Average"},
	} {
		graphs = append(graphs, graph(p.Region, g.title, [][]any{{options{
			ID: "all", Expression: fmt.Sprintf("SEARCH('%s', '%s', 60)", g.search, g.stat),
		}}}))
	}
	intro := text("# " + environment + "\nAll content types. Each has a dashboard of its own, named after its stack.")
	return awscloudwatch.NewCfnDashboard(scope, &id, &awscloudwatch.CfnDashboardProps{
		DashboardBody: new(page([]widget{intro}, graphs)),
	})
}
