package scaling

import (
	"fmt"
	"testing"
)

// matching returns the steps that AWS applies for a breach: above the threshold the lower bound is
// inclusive and the upper exclusive, below it the other way round.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func matching(a Alarm, value float64) []Step {
	breach := value - a.Threshold
	above := a.Comparison == "GreaterThanOrEqualToThreshold"
	var found []Step
	for _, s := range a.Policy.Steps {
		lower := s.Lower == nil || breach > *s.Lower || above && breach == *s.Lower
		upper := s.Upper == nil || breach < *s.Upper || !above && breach == *s.Upper
		if lower && upper {
			found = append(found, s)
		}
	}
	return found
}

// A step with a wrong bound never matches and fails in silence, so every value that breaches is walked
// through its policy.
func TestEveryBreachHasOneStep(t *testing.T) {
	out, in := ScaleOut(defaults()), ScaleIn(defaults())
	for missing := 1; missing <= 2000; missing++ {
		steps := matching(out, float64(missing))
		if len(steps) != 1 {
			t.Fatalf("%d missing: %d steps match, want 1", missing, len(steps))
		}
		if add := steps[0].Adjustment; add < 1 || add > missing {
			t.Errorf("%d missing: adds %d", missing, add)
		}
	}
	for tenths := range 701 {
		steps := matching(in, float64(tenths)/10)
		if len(steps) != 1 || steps[0].Adjustment != -10 {
			t.Fatalf("CPU %.1f: steps %+v, want one of -10", float64(tenths)/10, steps)
		}
	}
}

func TestStepBoundaries(t *testing.T) {
	got := ""
	for _, missing := range []float64{1, 2, 3, 4, 5, 7, 8, 376, 377, 5000} {
		got += fmt.Sprintf("%v:+%d ", missing, matching(ScaleOut(defaults()), missing)[0].Adjustment)
	}
	if want := "1:+1 2:+2 3:+3 4:+3 5:+5 7:+5 8:+8 376:+233 377:+377 5000:+377 "; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// The mistake that the walk is there for: an upper bound of 0 on an alarm that acts at or above its
// threshold.
func TestTheWalkFindsAWrongBound(t *testing.T) {
	wrong := ScaleOut(defaults())
	wrong.Policy.Steps = []Step{{Upper: new(0.0), Adjustment: 1}}
	if steps := matching(wrong, 1); len(steps) != 0 {
		t.Fatalf("steps %+v match; the rule of AWS in this test is wrong", steps)
	}
}

// maxSteps is the largest number of step adjustments of a policy; more fail only at deploy.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const maxSteps = 20

func TestStepsDoNotExceedTheQuota(t *testing.T) {
	for _, a := range []Alarm{ScaleOut(defaults()), ScaleIn(defaults())} {
		if n := len(a.Policy.Steps); n < 1 || n > maxSteps {
			t.Errorf("%s: %d steps, allowed are 1 to %d", a.Description, n, maxSteps)
		}
	}
}
