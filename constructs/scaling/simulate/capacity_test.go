package simulate

import "testing"

// The first rows are the guide's example of a warm-up: 10 instances, 1 of them added for 60, then 62 and 70.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#step-scaling-warmup
func TestCapacityAfterAnAction(t *testing.T) {
	for _, c := range []struct {
		name  string
		group Capacity
		in    bool
		value float64
		want  int
	}{
		{"the first breach", Capacity{0, 20, 10, 10, 0, 0}, false, 60, 11},
		{"a second breach in the warm-up is the same action", Capacity{0, 20, 11, 10, 1, 0}, false, 62, 11},
		{"a larger one adds the difference", Capacity{0, 20, 11, 10, 1, 0}, false, 70, 13},
		{"a smaller one changes nothing", Capacity{0, 20, 13, 10, 3, 0}, false, 60, 13},
		{"per cent of those that have warmed up", Capacity{0, 200, 120, 100, 20, 0}, false, 70, 130},
		{"after the warm-up the new instance counts", Capacity{0, 20, 11, 11, 0, 0}, false, 70, 14},
		{"the maximum clamps", Capacity{0, 12, 10, 10, 0, 0}, false, 70, 12},
		{"draining instances are no capacity to add to", Capacity{0, 20, 8, 8, 0, 2}, false, 70, 10},
		{"no step", Capacity{0, 20, 10, 10, 0, 0}, false, 40, 10},
		{"a step of nothing", Capacity{0, 20, 10, 10, 0, 0}, false, 55, 10},
		{"in", Capacity{0, 20, 14, 14, 0, 0}, true, 40, 13},
		{"in by more", Capacity{0, 20, 13, 13, 0, 0}, true, 30, 10},
		{"no scale-in while one warms up", Capacity{0, 20, 14, 13, 1, 0}, true, 30, 14},
		{"draining instances have been removed already", Capacity{0, 20, 9, 9, 0, 4}, true, 30, 9},
		{"a step removes more than drain", Capacity{0, 20, 12, 12, 0, 1}, true, 30, 10},
		{"the minimum clamps", Capacity{12, 20, 13, 13, 0, 0}, true, 30, 12},
		{"a group below its minimum", Capacity{12, 20, 10, 10, 0, 0}, true, 30, 10},
		{"no step below", Capacity{0, 20, 10, 10, 0, 0}, true, 60, 10},
	} {
		alarm := guideOut
		if c.in {
			alarm = guideIn
		}
		if got := c.group.After(alarm, c.value); got != c.want {
			t.Errorf("%s: desired %d, want %d", c.name, got, c.want)
		}
	}
}
