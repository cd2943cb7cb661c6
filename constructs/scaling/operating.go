package scaling

import "fmt"

const (
	// lateFor is for how many minutes the oldest message must have been over the target: the group grows from four
	// fifths of it on, and an instance boots in two.
	lateFor = 5
	// atMaxFor is for how many minutes a group that cannot scale out must have left messages waiting.
	atMaxFor = 60
)

// Late is the alarm for people on jobs that wait longer than they should, although the group scales out.
func Late(p Params) Alarm {
	return Alarm{
		Description: fmt.Sprintf("The oldest message has waited for more than %s: see whether the group scales out, and whether its workers claim.", readable(p.TargetLatency)),
		Page:        "runbook/late.md",
		Metrics:     []Metric{queueAge},
		Comparison:  "GreaterThanThreshold",
		Threshold:   p.TargetLatency.Seconds(),
		Periods:     lateFor,
	}
}

// AtMax is the alarm for people on a group that has been as large as it may be for an hour while messages waited.
// A group whose sizes were never known is not at its maximum.
func AtMax() Alarm {
	return Alarm{
		Description: "The group is as large as it may be and messages wait: raise capacity.max, or let them wait.",
		Page:        "runbook/at-max.md",
		Metrics:     []Metric{groupDesired, groupMax, queueVisible},
		Formulas: []Formula{{"atMax", "1: at the maximum while messages wait", when(
			and(le(lastKnown(most, largestGroup), lastKnown(desired, 0)), gt(fill(visible, 0), number(0))), number(1), number(0),
		)}},
		Comparison: "GreaterThanThreshold",
		Threshold:  0,
		Periods:    atMaxFor,
	}
}

// Zombies is the alarm for people on workers that died without a word. Drains, of Spot instances too, leave none.
func Zombies() Alarm {
	return Alarm{
		Description: "Jobs were taken from workers that died without a word; they go on elsewhere from their last checkpoint. The log says whose they were.",
		Page:        "runbook/zombies.md",
		Metrics:     []Metric{workersZombies},
		Comparison:  "GreaterThanThreshold",
		Threshold:   0,
		Periods:     1,
	}
}
