package simulate

import (
	"math"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// Step finds the step of an alarm's policy for a breaching value. Above the threshold the lower bound is inclusive and
// the upper one exclusive, below it the other way round.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func Step(a scaling.Alarm, value float64) (scaling.Step, bool) {
	breach := value - a.Threshold
	above := a.Comparison == "GreaterThanOrEqualToThreshold" || a.Comparison == "GreaterThanThreshold"
	for _, s := range a.Policy.Steps {
		lower := s.Lower == nil || breach > *s.Lower || above && breach == *s.Lower
		upper := s.Upper == nil || breach < *s.Upper || !above && breach == *s.Upper
		if lower && upper {
			return s, true
		}
	}
	return scaling.Step{}, false
}

// Change is by how many instances a policy changes a capacity.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-scaling-adjustment
func Change(p scaling.Policy, adjustment, capacity int) int {
	switch p.AdjustmentType {
	case "ChangeInCapacity":
		return adjustment
	case "ExactCapacity":
		return adjustment - capacity
	case "PercentChangeInCapacity":
		change := rounded(float64(adjustment) * float64(capacity) / 100)
		if magnitude := p.MinAdjustmentMagnitude; change > -magnitude && change < magnitude {
			return int(math.Copysign(float64(magnitude), float64(adjustment)))
		}
		return change
	}
	panic("unknown adjustment type " + p.AdjustmentType)
}

// rounded rounds a percentage of a capacity towards zero, and a part of one instance to one.
func rounded(v float64) int {
	switch {
	case v > 0 && v < 1:
		return 1
	case v > -1 && v < 0:
		return -1
	}
	return int(v)
}
