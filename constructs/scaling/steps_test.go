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
// through its policy. Up to the group's maximum one action adds all that is missing, and little more.
func TestEveryBreachHasOneStepThatAddsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		most int
		over float64 // so many times what is missing, at most
	}{{1, 1.35}, {20, 1.35}, {500, 1.35}, {546, 1.35}, {547, 1.4}, {2000, 1.5}, {largestGroup, 1.65}} {
		out := ScaleOut(with(func(p *Params) { p.MaxCapacity = c.most }))
		for missing := 1; missing <= 2*c.most; missing++ {
			steps := matching(out, float64(missing))
			if len(steps) != 1 {
				t.Fatalf("most %d, %d missing: %d steps match, want 1", c.most, missing, len(steps))
			}
			add := steps[0].Adjustment
			if want := min(missing, c.most); add < want {
				t.Errorf("most %d, %d missing: adds %d", c.most, missing, add)
			}
			if float64(add) > c.over*float64(missing) {
				t.Errorf("most %d, %d missing: adds %d, more than %v times that", c.most, missing, add, c.over)
			}
		}
	}
	in := ScaleIn(defaults())
	for tenths := range 701 {
		steps := matching(in, float64(tenths)/10)
		if len(steps) != 1 || steps[0].Adjustment != -10 {
			t.Fatalf("CPU %.1f: steps %+v, want one of -10", float64(tenths)/10, steps)
		}
	}
}

func TestStepBoundaries(t *testing.T) {
	got := ""
	for _, missing := range []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 404, 405, 5000} {
		got += fmt.Sprintf("%v:+%d ", missing, matching(ScaleOut(defaults()), missing)[0].Adjustment)
	}
	if want := "1:+1 2:+2 3:+3 4:+4 5:+6 6:+6 7:+8 8:+8 9:+11 404:+404 405:+546 5000:+546 "; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// The table is the same for all common maxima, so that a new one is one line of a diff.
func TestStepsDoNotDependOnACommonMaximum(t *testing.T) {
	want := fmt.Sprint(values(growth(1)))
	for most := 2; most <= 546; most++ {
		if got := fmt.Sprint(values(growth(most))); got != want {
			t.Fatalf("most %d: steps %s, want %s", most, got, want)
		}
	}
}

func values(steps []Step) (adjustments []int) {
	for _, s := range steps {
		adjustments = append(adjustments, s.Adjustment)
	}
	return adjustments
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

func TestStepsDoNotExceedTheQuota(t *testing.T) {
	huge := with(func(p *Params) { p.MaxCapacity = largestGroup })
	for _, a := range []Alarm{ScaleOut(defaults()), ScaleOut(huge), ScaleIn(defaults())} {
		if n := len(a.Policy.Steps); n < 1 || n > 20 {
			t.Errorf("%s: %d steps, allowed are 1 to 20", a.Description, n)
		}
	}
}
