package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"

	"github.com/worker-tier/worker-tier/tierspec"
)

// mixed lets a group use several instance types and Spot. On-demand instances take the types in the
// given order, Spot takes those that are least likely to be interrupted at a low price.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html
func mixed(t tierspec.ContentType, template any) any {
	overrides := make([]*awsautoscaling.CfnAutoScalingGroup_LaunchTemplateOverridesProperty, len(t.InstanceTypes))
	for i := range t.InstanceTypes {
		overrides[i] = &awsautoscaling.CfnAutoScalingGroup_LaunchTemplateOverridesProperty{InstanceType: &t.InstanceTypes[i]}
	}
	distribution := &awsautoscaling.CfnAutoScalingGroup_InstancesDistributionProperty{
		OnDemandAllocationStrategy:          new("prioritized"),
		OnDemandPercentageAboveBaseCapacity: new(float64(100 - t.SpotPercent)),
		SpotAllocationStrategy:              new("price-capacity-optimized"),
	}
	if t.OnDemandBase > 0 {
		distribution.OnDemandBaseCapacity = new(float64(t.OnDemandBase))
	}
	return &awsautoscaling.CfnAutoScalingGroup_MixedInstancesPolicyProperty{
		LaunchTemplate: &awsautoscaling.CfnAutoScalingGroup_LaunchTemplateProperty{
			LaunchTemplateSpecification: template,
			Overrides:                   overrides,
		},
		InstancesDistribution: distribution,
	}
}
