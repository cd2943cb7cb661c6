package workerpool

import (
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

// Hooks as resources of their own would miss the first instances; the launch hook must outlast a boot that
// fails after ten minutes and is kept for fifteen.
func TestHooksStandInTheGroup(t *testing.T) {
	template := synth(t, mail(t))
	equal(t, "hooks", template.One(t, "AWS::AutoScaling::AutoScalingGroup").At("LifecycleHookSpecificationList"), any([]any{
		object{
			"LifecycleHookName": "boot", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
			"HeartbeatTimeout": 1620.0, "DefaultResult": "ABANDON",
		},
		object{
			"LifecycleHookName": "drain", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
			"HeartbeatTimeout": 90.0, "DefaultResult": "CONTINUE",
		},
	}))
	equal(t, "hooks beside the group", len(template.Of("AWS::AutoScaling::LifecycleHook")), 0)
}

// A launch template that changes rolls by itself, new instances first, and only a failed boot stops that.
func TestInstancesRoll(t *testing.T) {
	template := synth(t, mail(t))
	failures := alarmOn(t, template, "BootFailures")
	equal(t, "update policy", template.One(t, "AWS::AutoScaling::AutoScalingGroup").UpdatePolicy, object{"AutoScalingInstanceRefresh": object{
		"Strategy": "Rolling",
		"Preferences": object{
			"MinHealthyPercentage": 100.0, "MaxHealthyPercentage": 110.0,
			"ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore",
			"AlarmSpecification": object{"Alarms": []any{object{"Ref": failures.ID}}},
		},
	}})
}

// The alarm must hear of one failure within a minute, and be quiet again in the next: while it is in ALARM
// no instance refresh gets far, that of the repair included.
func TestBootFailuresAlarm(t *testing.T) {
	alarm := alarmOn(t, synth(t, mail(t)), "BootFailures")
	wanted := object{
		"Namespace": "WorkerTier/tier-prod", "Statistic": "Sum", "Period": 60.0, "EvaluationPeriods": 1.0,
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0, "TreatMissingData": "notBreaching",
		"AlarmActions": []any{"arn:aws:sns:us-east-1:111122223333:alarms"},
		"Dimensions":   []any{object{"Name": "ContentType", "Value": "mail"}, object{"Name": "Environment", "Value": "tier-prod"}},
	}
	for property, want := range wanted {
		equal(t, property, alarm.At(property), want)
	}
}

// alarmOn is the only alarm on a metric.
func alarmOn(t *testing.T, template synthtest.Template, metric string) synthtest.Resource {
	t.Helper()
	var found []synthtest.Resource
	for _, a := range template.Of("AWS::CloudWatch::Alarm") {
		if a.At("MetricName") == metric {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d alarms on %s, want 1", len(found), metric)
	}
	return found[0]
}
