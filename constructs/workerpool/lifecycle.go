package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// warmup is how long a new instance does not count in the group's metrics, in seconds. Without it step
// policies take the default cooldown, 300, and would not scale in for that long.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html
const warmup = 120

// hooks stand in the group's own list: as resources of their own they would miss its first instances. An
// instance that nobody speaks for is abandoned when it launches and let go when it terminates.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-autoscaling-lifecyclehook.html
func (n names) hooks() []*awsautoscaling.CfnAutoScalingGroup_LifecycleHookSpecificationProperty {
	t := n.ContentType
	return []*awsautoscaling.CfnAutoScalingGroup_LifecycleHookSpecificationProperty{
		{
			LifecycleHookName:   new(contract.LaunchHook),
			LifecycleTransition: new("autoscaling:EC2_INSTANCE_LAUNCHING"),
			HeartbeatTimeout:    new(t.Boot.LaunchHookTimeout().Seconds()),
			DefaultResult:       new("ABANDON"),
		},
		{
			LifecycleHookName:   new(contract.TerminationHook),
			LifecycleTransition: new("autoscaling:EC2_INSTANCE_TERMINATING"),
			HeartbeatTimeout:    new(t.TerminationHookTimeout().Seconds()),
			DefaultResult:       new("CONTINUE"),
		},
	}
}

// addBootFailures defines the alarm on boots that failed. It stays in ALARM for the minute of a failure
// only: an instance refresh, that of a roll back included, must not start while it is.
func (pool *WorkerPool) addBootFailures(name names) {
	var actions *[]any
	if name.AlarmTopic != "" {
		actions = &[]any{name.AlarmTopic}
	}
	pool.BootFailures = awscloudwatch.NewCfnAlarm(pool.Construct, new("BootFailures"), &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   name.described("An instance did not become a worker; its console and its stream in the log group say why.", "runbook/boot-failures.md"),
		Namespace:          new(contract.MetricNamespace(name.Tier, name.Environment)),
		MetricName:         new(contract.MetricBootFailures),
		Dimensions:         name.dimensions(scaling.ContentType),
		Statistic:          new("Sum"),
		Period:             new(float64(scaling.Period)),
		EvaluationPeriods:  new(1.0),
		ComparisonOperator: new("GreaterThanThreshold"),
		Threshold:          new(0.0),
		TreatMissingData:   new("notBreaching"),
		AlarmActions:       actions,
	})
}

// rolling replaces instances when the launch template changes: new ones first, and a protected or
// standing-by instance never fails the deploy, which waiting for it would after an hour. A failed boot
// fails it within minutes. No other alarm may: that of scaling in is normally in ALARM.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
func rolling(bootFailures *string) *awscdk.CfnUpdatePolicy {
	return &awscdk.CfnUpdatePolicy{AutoScalingInstanceRefresh: &awscdk.CfnAutoScalingInstanceRefresh{
		Strategy: new("Rolling"),
		Preferences: &awscdk.CfnAutoScalingInstanceRefreshPreferences{
			MinHealthyPercentage:      new(100.0),
			MaxHealthyPercentage:      new(110.0),
			ScaleInProtectedInstances: new("Refresh"),
			StandbyInstances:          new("Ignore"),
			AlarmSpecification:        &awscdk.CfnAutoScalingInstanceRefreshAlarmSpecification{Alarms: &[]*string{bootFailures}},
		},
	}}
}
