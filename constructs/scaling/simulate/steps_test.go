package simulate

import (
	"testing"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// The example of the guide: out by 10 % from 60 and by 30 % from 70, in by 10 % to 40 and by 30 % to 30.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-scaling-steps
var (
	guideOut = scaling.Alarm{Comparison: "GreaterThanOrEqualToThreshold", Threshold: 50, Policy: scaling.Policy{
		AdjustmentType: "PercentChangeInCapacity", Steps: []scaling.Step{
			{Lower: new(0.0), Upper: new(10.0), Adjustment: 0},
			{Lower: new(10.0), Upper: new(20.0), Adjustment: 10},
			{Lower: new(20.0), Adjustment: 30},
		}}}
	guideIn = scaling.Alarm{Comparison: "LessThanOrEqualToThreshold", Threshold: 50, Policy: scaling.Policy{
		AdjustmentType: "PercentChangeInCapacity", Steps: []scaling.Step{
			{Lower: new(-10.0), Upper: new(0.0), Adjustment: 0},
			{Lower: new(-20.0), Upper: new(-10.0), Adjustment: -10},
			{Upper: new(-20.0), Adjustment: -30},
		}}}
)

func TestTheGuidesExampleOfSteps(t *testing.T) {
	capacity := 10
	for _, c := range []struct {
		alarm       scaling.Alarm
		value       float64
		wantedAfter int
	}{{guideOut, 60, 11}, {guideOut, 70, 14}, {guideIn, 40, 13}, {guideIn, 30, 10}} {
		step, _ := Step(c.alarm, c.value)
		capacity += Change(c.alarm.Policy, step.Adjustment, capacity)
		if capacity != c.wantedAfter {
			t.Fatalf("after %v: %d instances, want %d", c.value, capacity, c.wantedAfter)
		}
	}
}

func TestBoundsAreInclusiveOnTheSideOfTheThreshold(t *testing.T) {
	strictOut, strictIn := guideOut, guideIn
	strictOut.Comparison, strictIn.Comparison = "GreaterThanThreshold", "LessThanThreshold"
	for _, c := range []struct {
		name  string
		alarm scaling.Alarm
		value float64
		want  int
	}{
		{"lower bound inclusive above", guideOut, 60, 10},
		{"just under it", guideOut, 59.999, 0},
		{"upper bound exclusive above", guideOut, 70, 30},
		{"just under that", guideOut, 69.999, 10},
		{"unbounded above", guideOut, 1e9, 30},
		{"upper bound inclusive below", guideIn, 40, -10},
		{"just over it", guideIn, 40.001, 0},
		{"lower bound exclusive below", guideIn, 30, -30},
		{"just over that", guideIn, 30.001, -10},
		{"unbounded below", guideIn, -1e9, -30},
		{"a strict comparison above", strictOut, 60, 10},
		{"a strict comparison below", strictIn, 40, -10},
	} {
		if step, ok := Step(c.alarm, c.value); !ok || step.Adjustment != c.want {
			t.Errorf("%s: %v adjusts by %d (%t), want %d", c.name, c.value, step.Adjustment, ok, c.want)
		}
	}
	if step, ok := Step(guideOut, 49); ok {
		t.Errorf("a value within the threshold has the step %+v, want none", step)
	}
}

// The percentages give 12.7, .67, -.58 and -6.67 instances: the guide's examples of rounding.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-scaling-adjustment
func TestChangeOfCapacity(t *testing.T) {
	percent, least2 := scaling.Policy{AdjustmentType: "PercentChangeInCapacity"}, scaling.Policy{AdjustmentType: "PercentChangeInCapacity", MinAdjustmentMagnitude: 2}
	for _, c := range []struct {
		name                       string
		policy                     scaling.Policy
		adjustment, capacity, want int
	}{
		{"12.7", percent, 10, 127, 12},
		{".67", percent, 67, 1, 1},
		{"-.58", percent, -58, 1, -1},
		{"-6.67", percent, -23, 29, -6},
		{"nothing of nothing", percent, -10, 0, 0},
		{"25 % of 4, at least 2", least2, 25, 4, 2},
		{"-25 % of 4, at least 2", least2, -25, 4, -2},
		{"50 % of 10, at least 2", least2, 50, 10, 5},
		{"5 more than 3", scaling.Policy{AdjustmentType: "ChangeInCapacity"}, 5, 3, 5},
		{"exactly 5 of 3", scaling.Policy{AdjustmentType: "ExactCapacity"}, 5, 3, 2},
		{"exactly 5 of 8", scaling.Policy{AdjustmentType: "ExactCapacity"}, 5, 8, -3},
	} {
		if got := Change(c.policy, c.adjustment, c.capacity); got != c.want {
			t.Errorf("%s: changes by %d, want %d", c.name, got, c.want)
		}
	}
}
