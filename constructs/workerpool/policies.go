package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// addTracking defines a target tracking policy. AWS makes its alarms.
func (pool *WorkerPool) addTracking(name names, t scaling.Tracking) awsautoscaling.CfnScalingPolicy {
	return awsautoscaling.NewCfnScalingPolicy(pool.Construct, new("TrackingPolicy"), &awsautoscaling.CfnScalingPolicyProps{
		AutoScalingGroupName: name.group,
		PolicyType:           new("TargetTrackingScaling"),
		TargetTrackingConfiguration: &awsautoscaling.CfnScalingPolicy_TargetTrackingConfigurationProperty{
			TargetValue: &t.Target,
			CustomizedMetricSpecification: &awsautoscaling.CfnScalingPolicy_CustomizedMetricSpecificationProperty{
				Metrics: name.trackingQueries(t),
			},
		},
	})
}

// trackingQueries are the same as [names.queries], in the types of a policy.
func (n names) trackingQueries(t scaling.Tracking) []*awsautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty {
	var queries []*awsautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty
	for _, m := range t.Metrics {
		m = m.In(n.Tier, n.Environment)
		var dimensions []*awsautoscaling.CfnScalingPolicy_MetricDimensionProperty
		for _, d := range n.dimensions(m.Source) {
			dimensions = append(dimensions, &awsautoscaling.CfnScalingPolicy_MetricDimensionProperty{Name: d.Name, Value: d.Value})
		}
		queries = append(queries, &awsautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id:         &m.ID,
			Label:      &m.Label,
			ReturnData: false,
			MetricStat: &awsautoscaling.CfnScalingPolicy_TargetTrackingMetricStatProperty{
				Metric: &awsautoscaling.CfnScalingPolicy_MetricProperty{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dimensions},
				Period: new(float64(scaling.Period)),
				Stat:   &m.Stat,
			},
		})
	}
	for i, f := range t.Formulas {
		queries = append(queries, &awsautoscaling.CfnScalingPolicy_TargetTrackingMetricDataQueryProperty{
			Id:         &f.ID,
			Label:      &f.Label,
			Expression: new(f.Expr.String()),
			ReturnData: i == len(t.Formulas)-1,
		})
	}
	return queries
}

// addSchedule defines the changes of the group's bounds at fixed times. They set no desired capacity: new
// bounds move it as far as they must. A deploy leaves the bounds of the hour alone unless the config's own changed.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
func (pool *WorkerPool) addSchedule(name names) {
	for _, s := range name.ContentType.Schedule {
		props := &awsautoscaling.CfnScheduledActionProps{
			AutoScalingGroupName: name.group,
			Recurrence:           &s.Cron,
			TimeZone:             &s.TimeZone,
		}
		if s.Min != nil {
			props.MinSize = new(float64(*s.Min))
		}
		if s.Max != nil {
			props.MaxSize = new(float64(*s.Max))
		}
		awsautoscaling.NewCfnScheduledAction(pool.Construct, new("Schedule-"+s.Name), props)
	}
	if len(name.ContentType.Schedule) > 0 {
		policy := pool.Group.CfnOptions().UpdatePolicy()
		policy.AutoScalingScheduledAction = &awscdk.CfnAutoScalingScheduledAction{IgnoreUnmodifiedGroupSizeProperties: new(true)}
		pool.Group.CfnOptions().SetUpdatePolicy(policy)
	}
}

// addWarmPool defines the pool of instances that have booted once. Both sizes are the same, or the pool
// would hold all that the group's maximum leaves. No instance comes back to it from the group: a drained
// worker is not started again.
func (pool *WorkerPool) addWarmPool(name names) {
	warm := name.ContentType.WarmPool
	if warm.Size == 0 {
		return
	}
	state := "Stopped"
	if warm.Running {
		state = "Running"
	}
	awsautoscaling.NewCfnWarmPool(pool.Construct, new("WarmPool"), &awsautoscaling.CfnWarmPoolProps{
		AutoScalingGroupName:     name.group,
		MinSize:                  new(float64(warm.Size)),
		MaxGroupPreparedCapacity: new(float64(warm.Size)),
		PoolState:                &state,
	})
}
