package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// addAlarms defines the alarm pair with its policies or what stands in its place, and the alarms for people.
func (pool *WorkerPool) addAlarms(name names) {
	params := scaling.ParamsOf(name.ContentType)
	if name.ContentType.ScaleOut.TargetTracking {
		pool.Tracking = pool.addTracking(name, scaling.Track(params))
	} else {
		pool.ScaleOut = pool.addScaling(name, "ScaleOut", scaling.ScaleOut(params))
		pool.ScaleIn = pool.addScaling(name, "ScaleIn", scaling.ScaleIn(params))
	}

	var actions *[]any
	if name.AlarmTopic != "" {
		actions = &[]any{name.AlarmTopic}
	}
	pool.Silent = pool.addAlarm(name, "Silent", scaling.Silent(), actions)
	pool.Late = pool.addAlarm(name, "Late", scaling.Late(params), actions)
	pool.AtMax = pool.addAlarm(name, "AtMax", scaling.AtMax(), actions)
	pool.Zombies = pool.addAlarm(name, "Zombies", scaling.Zombies(), actions)
	pool.Sick = pool.addAlarm(name, "Sick", scaling.Sick(), actions)
	pool.Careful = pool.addAlarm(name, "Careful", scaling.Careful(), actions)
	pool.DeadLetters = awscloudwatch.NewCfnAlarm(pool.Construct, new("DeadLetters"), &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   name.described("Messages that are no jobs, or were never claimed, lie in the dead-letter queue.", "runbook/dead-letters.md"),
		Namespace:          new("AWS/SQS"),
		MetricName:         new("ApproximateNumberOfMessagesVisible"),
		Dimensions:         []*awscloudwatch.CfnAlarm_DimensionProperty{{Name: new("QueueName"), Value: &name.deadLetterQueue}},
		Statistic:          new("Maximum"),
		Period:             new(float64(scaling.Period)),
		EvaluationPeriods:  new(1.0),
		ComparisonOperator: new("GreaterThanThreshold"),
		Threshold:          new(0.0),
		TreatMissingData:   new("notBreaching"),
		AlarmActions:       actions,
	})
}

// described is the description of an alarm: whose it is, what it means, and the page about it.
func (n names) described(meaning, page string) *string {
	return new(n.ContentType.Name + ": " + meaning + " " + n.Docs + page)
}

// alarmARNs are those of all alarms, asked of the CDK at once by way of a widget of its own.
func (pool *WorkerPool) alarmARNs() []string {
	var all []interfacesawscloudwatch.IAlarmRef
	for _, a := range []awscloudwatch.CfnAlarm{
		pool.ScaleOut, pool.ScaleIn, pool.Late, pool.AtMax, pool.DeadLetters, pool.Zombies, pool.Sick, pool.Careful, pool.BootFailures, pool.Silent,
	} {
		if a != nil {
			all = append(all, a)
		}
	}
	widget := (*awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{Alarms: &all}).ToJson())[0].(map[string]any)
	var arns []string
	for _, arn := range widget["properties"].(map[string]any)["alarms"].([]any) {
		arns = append(arns, arn.(string))
	}
	return arns
}

// addScaling defines one half of the pair: a step scaling policy and the alarm that triggers it.
func (pool *WorkerPool) addScaling(name names, id string, alarm scaling.Alarm) awscloudwatch.CfnAlarm {
	policy := awsautoscaling.NewCfnScalingPolicy(pool.Construct, new(id+"Policy"), policyProps(name.group, alarm.Policy))
	return pool.addAlarm(name, id, alarm, &[]any{policy})
}

func (pool *WorkerPool) addAlarm(name names, id string, alarm scaling.Alarm, actions *[]any) awscloudwatch.CfnAlarm {
	return awscloudwatch.NewCfnAlarm(pool.Construct, &id, &awscloudwatch.CfnAlarmProps{
		AlarmDescription:   name.described(alarm.Description, alarm.Page),
		Metrics:            name.queries(alarm),
		ComparisonOperator: &alarm.Comparison,
		Threshold:          &alarm.Threshold,
		EvaluationPeriods:  new(float64(alarm.Periods)),
		DatapointsToAlarm:  new(float64(alarm.Periods)),
		TreatMissingData:   new(alarm.TreatMissingData()),
		AlarmActions:       actions,
	})
}

func policyProps(group string, p scaling.Policy) *awsautoscaling.CfnScalingPolicyProps {
	props := &awsautoscaling.CfnScalingPolicyProps{
		AutoScalingGroupName:  group,
		PolicyType:            new("StepScaling"),
		AdjustmentType:        &p.AdjustmentType,
		MetricAggregationType: &p.Aggregation,
	}
	if p.MinAdjustmentMagnitude > 0 {
		props.MinAdjustmentMagnitude = new(float64(p.MinAdjustmentMagnitude))
	}
	steps := make([]*awsautoscaling.CfnScalingPolicy_StepAdjustmentProperty, len(p.Steps))
	for i, s := range p.Steps {
		steps[i] = &awsautoscaling.CfnScalingPolicy_StepAdjustmentProperty{
			MetricIntervalLowerBound: s.Lower,
			MetricIntervalUpperBound: s.Upper,
			ScalingAdjustment:        new(float64(s.Adjustment)),
		}
	}
	props.StepAdjustments = steps
	return props
}

// queries are an alarm's metrics and formulas; only the last formula is compared, or the one metric.
func (n names) queries(alarm scaling.Alarm) []*awscloudwatch.CfnAlarm_MetricDataQueryProperty {
	var queries []*awscloudwatch.CfnAlarm_MetricDataQueryProperty
	for _, m := range alarm.Metrics {
		m = m.In(n.Tier, n.Environment)
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id:         &m.ID,
			Label:      &m.Label,
			ReturnData: len(alarm.Formulas) == 0,
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: n.dimensions(m.Source)},
				Period: new(float64(scaling.Period)),
				Stat:   &m.Stat,
			},
		})
	}
	for i, f := range alarm.Formulas {
		queries = append(queries, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id:         &f.ID,
			Label:      &f.Label,
			Expression: new(f.Expr.String()),
			ReturnData: i == len(alarm.Formulas)-1,
		})
	}
	return queries
}

func (n names) dimensions(source scaling.Source) []*awscloudwatch.CfnAlarm_DimensionProperty {
	switch source {
	case scaling.Queue:
		return []*awscloudwatch.CfnAlarm_DimensionProperty{{Name: new("QueueName"), Value: &n.queue}}
	case scaling.Group:
		return []*awscloudwatch.CfnAlarm_DimensionProperty{{Name: new("AutoScalingGroupName"), Value: &n.group}}
	default:
		return []*awscloudwatch.CfnAlarm_DimensionProperty{
			{Name: new(contract.DimensionContentType), Value: &n.ContentType.Name},
			{Name: new(contract.DimensionEnvironment), Value: new(contract.MetricEnvironment(n.Tier, n.Environment))},
		}
	}
}
