package workerpool

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
)

const (
	// terminationHook is the name of the lifecycle hook that holds a terminating instance until its
	// worker has drained.
	terminationHook = "drain"
	// warmup is how long a new instance does not count in the group's metrics, in seconds. AWS's own
	// default, 300, would block scaling in for that long.
	warmup = 120
)

// addGroup defines the Auto Scaling group. It has no desired capacity: every deploy would set it again
// (https://github.com/aws/aws-cdk/issues/5215). The hook stands in the group's own list because a hook
// of its own misses the first instances.
func (pool *WorkerPool) addGroup(name *names) {
	t := name.ContentType
	protection := "prevent-force-deletion"
	if name.Disposable {
		protection = "none"
	}
	props := &awsautoscaling.CfnAutoScalingGroupProps{
		MinSize:               new(strconv.Itoa(t.MinCapacity)),
		MaxSize:               new(strconv.Itoa(t.MaxCapacity)),
		VpcZoneIdentifier:     list(name.Subnets),
		DefaultInstanceWarmup: new(float64(warmup)),
		DeletionProtection:    &protection,
		MetricsCollection: []*awsautoscaling.CfnAutoScalingGroup_MetricsCollectionProperty{
			{Granularity: new("1Minute")},
		},
		LifecycleHookSpecificationList: []*awsautoscaling.CfnAutoScalingGroup_LifecycleHookSpecificationProperty{{
			LifecycleHookName:   new(terminationHook),
			LifecycleTransition: new("autoscaling:EC2_INSTANCE_TERMINATING"),
			HeartbeatTimeout:    new(t.Job.TerminationHookTimeout().Seconds()),
			DefaultResult:       new("CONTINUE"),
		}},
	}
	var tags []*awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty
	for _, tag := range name.tags() {
		tags = append(tags, &awsautoscaling.CfnAutoScalingGroup_TagPropertyProperty{Key: &tag[0], Value: &tag[1], PropagateAtLaunch: true})
	}
	props.Tags = &tags
	template := &awsautoscaling.CfnAutoScalingGroup_LaunchTemplateSpecificationProperty{
		LaunchTemplateId: pool.LaunchTemplate.Ref(),
		Version:          pool.LaunchTemplate.AttrLatestVersionNumber(),
	}
	if len(t.InstanceTypes) > 1 || t.SpotPercent > 0 {
		props.MixedInstancesPolicy = mixed(t, template)
	} else {
		props.LaunchTemplate = template
	}
	pool.Group = awsautoscaling.NewCfnAutoScalingGroup(pool.Construct, new("Group"), props)
	pool.Group.CfnOptions().SetUpdatePolicy(rolling())
	name.group = *pool.Group.Ref()
}

// rolling replaces instances when the launch template changes: new ones first, and a protected or
// standing-by instance never fails the deploy, which waiting for it would after an hour.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
func rolling() *awscdk.CfnUpdatePolicy {
	return &awscdk.CfnUpdatePolicy{AutoScalingInstanceRefresh: &awscdk.CfnAutoScalingInstanceRefresh{
		Strategy: new("Rolling"),
		Preferences: &awscdk.CfnAutoScalingInstanceRefreshPreferences{
			MinHealthyPercentage:      new(100.0),
			MaxHealthyPercentage:      new(110.0),
			ScaleInProtectedInstances: new("Refresh"),
			StandbyInstances:          new("Ignore"),
		},
	}}
}

func list(values []string) *[]any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return &all
}
