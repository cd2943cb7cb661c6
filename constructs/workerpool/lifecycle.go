package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

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

// addBootFailures defines the alarms on boots that failed: one for people, and one that stops an instance refresh. The second
// counts the boots of this launch template alone, and another launch template has another alarm. So neither a fix nor a roll
// back is stopped by instances that it replaces, and an instance refresh never starts under an alarm that rings.
func (pool *WorkerPool) addBootFailures(name names) {
	var actions *[]any
	if name.AlarmTopic != "" {
		actions = &[]any{name.AlarmTopic}
	}
	dimensions := name.dimensions(scaling.ContentType)
	own := append(name.dimensions(scaling.ContentType), &awscloudwatch.CfnAlarm_DimensionProperty{Name: new(contract.DimensionLaunchTemplate), Value: &name.template})
	for _, a := range []struct {
		to         *awscloudwatch.CfnAlarm
		id         string
		meaning    string
		dimensions []*awscloudwatch.CfnAlarm_DimensionProperty
		actions    *[]any
	}{
		{&pool.BootFailures, "BootFailures", "An instance did not become a worker; its console and its stream in the log group say why.", dimensions, actions},
		{&pool.refused, "Refresh-" + name.template, "An instance of launch template " + name.template + " did not become a worker: an update of the group is rolled back.", own, nil},
	} {
		*a.to = awscloudwatch.NewCfnAlarm(pool.Construct, &a.id, &awscloudwatch.CfnAlarmProps{
			AlarmDescription:   name.described(a.meaning, "runbook/boot-failures.md"),
			Namespace:          new(contract.MetricNamespace(name.Tier, name.Environment)),
			MetricName:         new(contract.MetricBootFailures),
			Dimensions:         a.dimensions,
			Statistic:          new("Sum"),
			Period:             new(float64(scaling.Period)),
			EvaluationPeriods:  new(1.0),
			ComparisonOperator: new("GreaterThanThreshold"),
			Threshold:          new(0.0),
			TreatMissingData:   new("notBreaching"),
			AlarmActions:       a.actions,
		})
	}
}

// rolling replaces instances when the launch template changes: new ones first, and a protected or
// standing-by instance never fails the deploy, which waiting for it would after an hour. A failed boot of a new
// instance fails it within minutes. No other alarm may: that of scaling in is normally in ALARM.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
func rolling(refused *string) *awscdk.CfnUpdatePolicy {
	return &awscdk.CfnUpdatePolicy{AutoScalingInstanceRefresh: &awscdk.CfnAutoScalingInstanceRefresh{
		Strategy: new("Rolling"),
		Preferences: &awscdk.CfnAutoScalingInstanceRefreshPreferences{
			MinHealthyPercentage:      new(100.0),
			MaxHealthyPercentage:      new(110.0),
			ScaleInProtectedInstances: new("Refresh"),
			StandbyInstances:          new("Ignore"),
			AlarmSpecification:        &awscdk.CfnAutoScalingInstanceRefreshAlarmSpecification{Alarms: &[]*string{refused}},
		},
	}}
}
