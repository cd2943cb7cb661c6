package workerpool

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// addGroup defines the Auto Scaling group. It has no desired capacity: every deploy would set it again
// (https://github.com/aws/aws-cdk/issues/5215).
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
		DefaultInstanceWarmup: new(scaling.Warmup.Seconds()),
		DeletionProtection:    &protection,
		MetricsCollection: []*awsautoscaling.CfnAutoScalingGroup_MetricsCollectionProperty{
			{Granularity: new("1Minute")},
		},
		LifecycleHookSpecificationList: name.hooks(),
		Tags:                           name.groupTags(),
	}
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
	pool.Group.CfnOptions().SetUpdatePolicy(rolling(pool.refused.Ref()))
	name.group = *pool.Group.Ref()
}

func list(values []string) *[]any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return &all
}
