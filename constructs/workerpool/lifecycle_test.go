package workerpool

import (
	"slices"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
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

// refusing is the alarm that stops the group's instance refresh.
func refusing(t *testing.T, template synthtest.Template) synthtest.Resource {
	t.Helper()
	specification, _ := template.One(t, "AWS::AutoScaling::AutoScalingGroup").UpdatePolicy["AutoScalingInstanceRefresh"].(object)
	alarms := specification["Preferences"].(object)["AlarmSpecification"].(object)["Alarms"].([]any)
	equal(t, "alarms of the refresh", len(alarms), 1)
	return template[alarms[0].(object)["Ref"].(string)]
}

// shown are the alarms that somebody looks at, all but the refusing one.
func shown(t *testing.T, template synthtest.Template) []synthtest.Resource {
	t.Helper()
	hidden := refusing(t, template).ID
	return slices.DeleteFunc(template.Of("AWS::CloudWatch::Alarm"), func(a synthtest.Resource) bool { return a.ID == hidden })
}

// A launch template that changes rolls by itself, new instances first, and only a failed boot stops that.
func TestInstancesRoll(t *testing.T) {
	template := synth(t, mail(t))
	equal(t, "update policy", template.One(t, "AWS::AutoScaling::AutoScalingGroup").UpdatePolicy, object{"AutoScalingInstanceRefresh": object{
		"Strategy": "Rolling",
		"Preferences": object{
			"MinHealthyPercentage": 100.0, "MaxHealthyPercentage": 110.0,
			"ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore",
			"AlarmSpecification": object{"Alarms": []any{object{"Ref": refusing(t, template).ID}}},
		},
	}})
}

// One failure rings within a minute. People hear of all of them, an instance refresh of those of its own launch template.
func TestBootFailuresAlarms(t *testing.T) {
	template := synth(t, mail(t))
	refresh := refusing(t, template)
	digest, _ := refresh.At("Dimensions", 2, "Value").(string)
	ours := []any{object{"Name": "ContentType", "Value": "mail"}, object{"Name": "Environment", "Value": "tier-prod"}}
	for name, c := range map[string]struct {
		alarm               synthtest.Resource
		actions, dimensions any
	}{
		"people":  {alarmOn(t, template, "BootFailures", refresh.ID), []any{"arn:aws:sns:us-east-1:111122223333:alarms"}, ours},
		"refresh": {refresh, nil, append(slices.Clone(ours), any(object{"Name": "LaunchTemplate", "Value": digest}))},
	} {
		for property, want := range map[string]any{
			"Namespace": "WorkerTier/tier-prod", "MetricName": "BootFailures", "Statistic": "Sum", "Period": 60.0, "EvaluationPeriods": 1.0,
			"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0, "TreatMissingData": "notBreaching",
			"AlarmActions": c.actions, "Dimensions": c.dimensions,
		} {
			equal(t, name+" "+property, c.alarm.At(property), want)
		}
	}
	script := textsIn(template.One(t, "AWS::EC2::LaunchTemplate").At("LaunchTemplateData", "UserData"))
	if !strings.Contains(script, ",LaunchTemplate="+digest+";") {
		t.Errorf("instances do not count their failures for launch template %q", digest)
	}
}

// A broken release, then its fix, while instances of the first still fail: the alarm that may stop the fix is another one, which
// has never rung, and the broken release's is still there if the fix is rolled back.
func TestAFixIsNotStoppedByWhatItReplaces(t *testing.T) {
	release := func(change func(*Props)) synthtest.Resource {
		props := mail(t)
		change(&props)
		return refusing(t, synth(t, props))
	}
	broken := release(func(*Props) {})
	for name, change := range map[string]func(*Props){
		"a setting": func(p *Props) { p.ContentType.ProcessesPerInstance++ },
		"its code":  func(p *Props) { p.Bundle.SHA256 = strings.Repeat("1", 64) },
		"its files": func(p *Props) { p.Files = &bundle.Archive{Path: p.Files.Path, SHA256: strings.Repeat("1", 64)} },
		"the image": func(p *Props) { p.Image = "ami-1" },
		"the disk":  func(p *Props) { p.RootDevice = "/dev/sda1" },
		"instances": func(p *Props) { p.ContentType.InstanceTypes = []string{"m7g.xlarge"} },
	} {
		fix := release(change)
		if fix.ID == broken.ID || fix.At("Dimensions", 2, "Value") == broken.At("Dimensions", 2, "Value") {
			t.Errorf("%s: the alarm of the broken release, %s, stops the fix", name, broken.ID)
		}
	}
	if same := release(func(p *Props) { p.ContentType.MaxCapacity++ }); same.ID != broken.ID {
		t.Error("a change that replaces no instance has another alarm")
	}
}

// alarmOn is the only alarm on a metric beside that of an id.
func alarmOn(t *testing.T, template synthtest.Template, metric, beside string) synthtest.Resource {
	t.Helper()
	var found []synthtest.Resource
	for _, a := range template.Of("AWS::CloudWatch::Alarm") {
		if a.At("MetricName") == metric && a.ID != beside {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d alarms on %s, want 1", len(found), metric)
	}
	return found[0]
}
