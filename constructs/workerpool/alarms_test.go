package workerpool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

// alarmOf is the alarm that compares the value of that id.
func alarmOf(t *testing.T, template synthtest.Template, id string) synthtest.Resource {
	t.Helper()
	for _, a := range template.Of("AWS::CloudWatch::Alarm") {
		queries, _ := a.At("Metrics").([]any)
		if n := len(queries); n > 0 && queries[n-1].(object)["Id"] == id {
			return a
		}
	}
	t.Fatalf("no alarm compares %q", id)
	return synthtest.Resource{}
}

// policyOf is the scaling policy that the alarm triggers.
func policyOf(t *testing.T, template synthtest.Template, alarm synthtest.Resource) synthtest.Resource {
	t.Helper()
	id, _ := alarm.At("AlarmActions", 0, "Ref").(string)
	for _, p := range template.Of("AWS::AutoScaling::ScalingPolicy") {
		if p.ID == id {
			return p
		}
	}
	t.Fatalf("%s triggers no policy", alarm.ID)
	return synthtest.Resource{}
}

// queries are an alarm's inputs as one line each: id, namespace, metric, statistic, period, dimensions.
func queries(t *testing.T, alarm synthtest.Resource) []string {
	t.Helper()
	var lines []string
	all, _ := alarm.At("Metrics").([]any)
	for i, entry := range all {
		q := entry.(object)
		stat, isMetric := q["MetricStat"].(object)
		if !isMetric {
			lines = append(lines, fmt.Sprintf("%s = %s", q["Id"], q["Expression"]))
			equal(t, fmt.Sprint(q["Id"], " is compared"), q["ReturnData"], any(i == len(all)-1))
			continue
		}
		metric, of := stat["Metric"].(object), ""
		dimensions, _ := metric["Dimensions"].([]any)
		for _, d := range dimensions {
			of += " " + d.(object)["Name"].(string)
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s %s %v s%s", q["Id"], metric["Namespace"], metric["MetricName"], stat["Stat"], stat["Period"], of))
	}
	return lines
}

// TestTheDefaultPair holds every figure of the template against the design's table.
func TestTheDefaultPair(t *testing.T) {
	template := synth(t, mail(t))
	for _, c := range []struct {
		id, comparison string
		threshold      float64
		periods        float64
		queries        []string
		policy         object
	}{
		{"missing", "GreaterThanOrEqualToThreshold", 1, 1, []string{
			"visible: AWS/SQS ApproximateNumberOfMessagesVisible Maximum 60 s QueueName",
			"age: AWS/SQS ApproximateAgeOfOldestMessage Maximum 60 s QueueName",
			"n: AWS/AutoScaling GroupDesiredCapacity Average 60 s AutoScalingGroupName",
			"spent: WorkerTier/tier-prod JobTime Sum 60 s ContentType Environment",
			"ended: WorkerTier/tier-prod JobTime SampleCount 60 s ContentType Environment",
			"job = (FILL(FILL(spent, REPEAT), 0) + 600)/FILL(FILL(ended, REPEAT), 2)",
			"present = 2*(IF(600 > job, 600/job, 1) - 1)",
			"fresh = 2*IF(480 > job, 480/job, 1)",
			"missing = IF(FILL(visible, -1) >= 0, IF(FILL(age, 0) > 480, CEIL(visible/fresh), CEIL((visible - present*FILL(FILL(n, REPEAT), 10000))/fresh)))",
		}, object{"AdjustmentType": "ChangeInCapacity", "MetricAggregationType": "Maximum"}},
		{"guarded", "LessThanOrEqualToThreshold", 70, 10, []string{
			"visible: AWS/SQS ApproximateNumberOfMessagesVisible Maximum 60 s QueueName",
			"busy: WorkerTier/tier-prod Busy Average 60 s ContentType Environment",
			"n: AWS/AutoScaling GroupInServiceInstances Average 60 s AutoScalingGroupName",
			"cpu: AWS/EC2 CPUUtilization Average 60 s AutoScalingGroupName",
			"removed = IF(n*10/100 > 1, FLOOR(n*10/100), 1)",
			"stay = (n - removed)*2",
			"spare = IF(stay > 25, stay ^ 0.5, stay/5)",
			"known = ((FILL(busy, -1) >= 0) AND (FILL(n, 0) >= 1)) AND (FILL(cpu, -1) >= 0)",
			"guarded = IF(known, IF(FILL(visible, 0) + busy/100*n*2 > CEIL(stay - spare), 100, cpu))",
		}, object{"AdjustmentType": "PercentChangeInCapacity", "MetricAggregationType": "Average", "MinAdjustmentMagnitude": 1.0}},
	} {
		alarm := alarmOf(t, template, c.id)
		equal(t, c.id+" comparison", alarm.At("ComparisonOperator"), any(c.comparison))
		equal(t, c.id+" threshold", alarm.At("Threshold"), any(c.threshold))
		equal(t, c.id+" periods", [2]any{alarm.At("EvaluationPeriods"), alarm.At("DatapointsToAlarm")}, [2]any{c.periods, c.periods})
		equal(t, c.id+" missing data", alarm.At("TreatMissingData"), any("notBreaching"))
		equal(t, c.id+" inputs", queries(t, alarm), c.queries)
		policy := policyOf(t, template, alarm)
		c.policy["PolicyType"] = "StepScaling"
		for key, want := range c.policy {
			equal(t, c.id+" "+key, policy.At(key), want)
		}
		for _, key := range []string{"Cooldown", "EstimatedInstanceWarmup"} { // the group's default warm-up counts
			equal(t, c.id+" "+key, policy.At(key), nil)
		}
	}
	in := policyOf(t, template, alarmOf(t, template, "guarded"))
	equal(t, "scale-in steps", in.At("StepAdjustments"), any([]any{object{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -10.0}}))
	out, _ := policyOf(t, template, alarmOf(t, template, "missing")).At("StepAdjustments").([]any)
	got := ""
	for _, s := range out {
		step := s.(object)
		got += fmt.Sprintf("%v…%v:+%v ", step["MetricIntervalLowerBound"], step["MetricIntervalUpperBound"], step["ScalingAdjustment"])
	}
	want := "0…1:+1 1…2:+2 2…3:+3 3…4:+4 4…6:+6 6…8:+8 8…11:+11 11…15:+15 15…20:+20 20…27:+27 27…37:+37 37…49:+49 49…67:+67 67…90:+90 90…122:+122 122…164:+164 164…222:+222 222…299:+299 299…404:+404 404…<nil>:+546 "
	equal(t, "scale-out steps, counted from the threshold 1", got, want)
}

// While `busy` is missing the group does not shrink, so somebody must be told.
func TestSilentWorkersAreReported(t *testing.T) {
	alarm := alarmOf(t, synth(t, mail(t)), "silent")
	equal(t, "inputs", queries(t, alarm), []string{
		"n: AWS/AutoScaling GroupInServiceInstances Average 60 s AutoScalingGroupName",
		"busy: WorkerTier/tier-prod Busy Average 60 s ContentType Environment",
		"silent = (FILL(FILL(n, REPEAT), 0) > 0) AND (0 > FILL(busy, -1))",
	})
	equal(t, "comparison", [3]any{alarm.At("ComparisonOperator"), alarm.At("Threshold"), alarm.At("EvaluationPeriods")}, [3]any{"GreaterThanThreshold", 0.0, 5.0})
	equal(t, "missing data", alarm.At("TreatMissingData"), any("breaching"))
	equal(t, "action", alarm.At("AlarmActions"), any([]any{"arn:aws:sns:us-east-1:111122223333:alarms"}))
}

// An alarm for people must not be able to scale, and composite alarms cannot trigger scaling policies.
func TestNoCompositeAlarmScales(t *testing.T) {
	if composite := synth(t, mail(t)).Of("AWS::CloudWatch::CompositeAlarm"); len(composite) > 0 {
		t.Errorf("%d composite alarms: they cannot trigger scaling policies", len(composite))
	}
}

func TestTheGivenJobTimeIsTheStartingValue(t *testing.T) {
	props := mail(t)
	props.ContentType.ScaleOut = tierspec.ScaleOut{TargetLatency: 10 * time.Minute, MeanJobTime: 3 * time.Minute}
	template := synth(t, props)
	equal(t, "what counts", queries(t, alarmOf(t, template, "missing"))[5], "job = (FILL(FILL(spent, REPEAT), 0) + 360)/FILL(FILL(ended, REPEAT), 2)")
	other := mail(t)
	other.Bundle, other.Files = props.Bundle, props.Files
	equal(t, "what replaces instances", synth(t, other).One(t, "AWS::EC2::LaunchTemplate").Properties, template.One(t, "AWS::EC2::LaunchTemplate").Properties)
}

func TestTargetTrackingReplacesThePair(t *testing.T) {
	props := mail(t)
	props.ContentType.ScaleOut.TargetTracking = true
	template := synth(t, props)
	policy := template.One(t, "AWS::AutoScaling::ScalingPolicy")
	equal(t, "type", policy.At("PolicyType"), any("TargetTrackingScaling"))
	equal(t, "target", policy.At("TargetTrackingConfiguration", "TargetValue"), any(600.0))
	metrics, _ := policy.At("TargetTrackingConfiguration", "CustomizedMetricSpecification", "Metrics").([]any)
	if len(metrics) != 6 {
		t.Fatalf("%d queries", len(metrics))
	}
	equal(t, "what is followed", metrics[5], any(object{
		"Id": "backlog", "Label": "seconds that the backlog takes", "Expression": "FILL(visible, 0)*job/(n*2)", "ReturnData": true,
	}))
	equal(t, "instances", metrics[1].(object)["MetricStat"].(object)["Metric"], any(object{
		"Namespace": "AWS/AutoScaling", "MetricName": "GroupInServiceInstances",
		"Dimensions": []any{object{"Name": "AutoScalingGroupName", "Value": object{"Ref": template.One(t, "AWS::AutoScaling::AutoScalingGroup").ID}}},
	}))
	for _, a := range shown(t, template) {
		equal(t, a.ID+" is for people", a.At("AlarmActions", 0), any("arn:aws:sns:us-east-1:111122223333:alarms"))
	}
	props.ContentType.MinCapacity = 0
	if got := refusal(t, props); !strings.Contains(got, "TargetTracking needs a MinCapacity of 1") {
		t.Errorf("from zero instances: %q", got)
	}
}

func TestScheduleMovesTheBoundsOnly(t *testing.T) {
	props := mail(t)
	props.ContentType.Schedule = []tierspec.Schedule{
		{Name: "day", Cron: "0 7 * * MON-FRI", TimeZone: "Europe/Berlin", Min: new(5), Max: new(90)},
		{Name: "night", Cron: "0 19 * * *", TimeZone: "Etc/UTC", Min: new(0)},
	}
	template := synth(t, props)
	group := template.One(t, "AWS::AutoScaling::AutoScalingGroup")
	got := map[string]object{}
	for _, a := range template.Of("AWS::AutoScaling::ScheduledAction") {
		equal(t, a.ID+" group", a.At("AutoScalingGroupName", "Ref"), any(group.ID))
		equal(t, a.ID+" desired capacity", a.At("DesiredCapacity"), nil)
		got[a.At("Recurrence").(string)] = object{"zone": a.At("TimeZone"), "min": a.At("MinSize"), "max": a.At("MaxSize")}
	}
	if diff := cmp.Diff(map[string]object{
		"0 7 * * MON-FRI": {"zone": "Europe/Berlin", "min": 5.0, "max": 90.0},
		"0 19 * * *":      {"zone": "Etc/UTC", "min": 0.0, "max": nil},
	}, got); diff != "" {
		t.Errorf("scheduled actions (-want +got):\n%s", diff)
	}
	equal(t, "a deploy leaves the hour's bounds", group.UpdatePolicy["AutoScalingScheduledAction"], any(object{"IgnoreUnmodifiedGroupSizeProperties": true}))
	if group.UpdatePolicy["AutoScalingInstanceRefresh"] == nil {
		t.Error("the group does not roll any more")
	}
	// Nights may empty the group, so its last instance is guarded by unfinished jobs.
	if text := queries(t, alarmOf(t, template, "guarded")); !strings.Contains(text[len(text)-1], "FILL(unfinished, 0) > 0") {
		t.Errorf("a group that a schedule empties has the guard %s", text[len(text)-1])
	}
}

func TestSpotAboveAnOnDemandBase(t *testing.T) {
	props := mail(t)
	props.ContentType.OnDemandBase = 3
	group := synth(t, props).One(t, "AWS::AutoScaling::AutoScalingGroup")
	equal(t, "distribution", group.At("MixedInstancesPolicy", "InstancesDistribution"), any(object{
		"OnDemandBaseCapacity": 3.0, "OnDemandPercentageAboveBaseCapacity": 20.0,
		"OnDemandAllocationStrategy": "prioritized", "SpotAllocationStrategy": "price-capacity-optimized",
	}))
}

func TestWarmPool(t *testing.T) {
	props := mail(t)
	props.ContentType.WarmPool.Size = 4
	if got := refusal(t, props); !strings.Contains(got, "WarmPool cannot stand beside Spot") {
		t.Errorf("with Spot: %q", got)
	}
	props.ContentType.InstanceTypes, props.ContentType.SpotPercent = []string{"m7g.large"}, 0
	for running, state := range map[bool]string{false: "Stopped", true: "Running"} {
		props.ContentType.WarmPool.Running = running
		template := synth(t, props)
		equal(t, "warm pool", template.One(t, "AWS::AutoScaling::WarmPool").Properties, object{
			"AutoScalingGroupName": object{"Ref": template.One(t, "AWS::AutoScaling::AutoScalingGroup").ID},
			"MinSize":              4.0, "MaxGroupPreparedCapacity": 4.0, "PoolState": state,
		})
	}
}
