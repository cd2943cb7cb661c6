package scaling

import "fmt"

const (
	// lateFor is for how many minutes the oldest message must have been over the target: the group grows from four
	// fifths of it on, and an instance boots in two.
	lateFor = 5
	// atMaxFor is for how many minutes a group that cannot scale out must have left messages waiting.
	atMaxFor = 60
	// troubledFor is for how many minutes an instance must have been sick, or its jobs have failed: most self-tests
	// pass before, and people can only look.
	troubledFor = 5
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

// Zombies is the alarm for people on workers that stopped sending heartbeats. Drains, of Spot instances too, leave none.
func Zombies() Alarm {
	return Alarm{
		Description: "Workers stopped sending heartbeats, and their jobs were taken from them. These go on elsewhere from their last checkpoint. The log names the former owners.",
		Page:        "runbook/zombies.md",
		Metrics:     []Metric{workersZombies},
		Comparison:  "GreaterThanThreshold",
		Threshold:   0,
		Periods:     1,
	}
}

// Sick is the alarm for people on instances that cannot begin jobs, for their own fault, and take none.
func Sick() Alarm {
	return Alarm{
		Description: fmt.Sprintf("Instances have been sick for %d minutes: they cannot begin jobs and take none. /readyz, the log and worker check type say why.", troubledFor),
		Page:        "runbook/sick.md",
		Metrics:     []Metric{workersSick},
		Comparison:  "GreaterThanThreshold",
		Threshold:   0,
		Periods:     troubledFor,
	}
}

// Careful is the alarm for people on workers on which each job fails, and which take one at a time.
func Careful() Alarm {
	return Alarm{
		Description: fmt.Sprintf("Each job has failed on some workers for %d minutes. They take one job at a time until one gets on. The log says what the jobs fail of.", troubledFor),
		Page:        "runbook/failing.md",
		Metrics:     []Metric{workersCareful},
		Comparison:  "GreaterThanThreshold",
		Threshold:   0,
		Periods:     troubledFor,
	}
}
