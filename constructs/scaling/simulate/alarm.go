// Package simulate is a model of CloudWatch's alarms and of step scaling. It acts on the alarms and policies of
// package scaling, minute by minute, without AWS and without a clock of its own.
package simulate

import (
	"math"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// State is an alarm's state.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
type State string

// The states of an alarm.
const (
	OK               State = "OK"
	InAlarm          State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// The treatments of missing data.
const (
	Missing      = "missing"
	Ignore       = "ignore"
	Breaching    = "breaching"
	NotBreaching = "notBreaching"
)

// lookBack is how many more points than its periods an alarm retrieves. AWS does not publish the number. Its examples
// retrieve 5 points for 3 periods.
const lookBack = 2

// Rule is how an alarm judges the points of its evaluation range.
type Rule struct {
	Comparison       string
	Threshold        float64
	Periods          int // N: the points that are evaluated
	Datapoints       int // M: so many of them must breach
	TreatMissingData string
}

// RuleOf is the rule of an alarm as it is deployed: all of its periods must breach.
func RuleOf(a scaling.Alarm) Rule {
	return Rule{a.Comparison, a.Threshold, a.Periods, a.Periods, a.TreatMissingData()}
}

// Range is the number of points that an evaluation retrieves.
func (r Rule) Range() int { return r.Periods + lookBack }

// Breaches reports whether a data point breaches the threshold.
func (r Rule) Breaches(value float64) bool {
	switch r.Comparison {
	case "GreaterThanOrEqualToThreshold":
		return value >= r.Threshold
	case "GreaterThanThreshold":
		return value > r.Threshold
	case "LessThanThreshold":
		return value < r.Threshold
	case "LessThanOrEqualToThreshold":
		return value <= r.Threshold
	}
	panic("unknown comparison " + r.Comparison)
}

// Next is the state that follows from the points of the evaluation range, the oldest first. NaN is a missing point.
// Points that exist are used before missing ones are filled in, and the most recent first.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
func (r Rule) Next(points []float64, now State) State {
	known, breaching := 0, 0
	for i := len(points) - 1; i >= 0 && known < r.Periods; i-- {
		if math.IsNaN(points[i]) {
			continue
		}
		known++
		if r.Breaches(points[i]) {
			breaching++
		}
	}
	filled := r.Periods - known
	switch {
	case filled > 0 && r.TreatMissingData == Breaching:
		breaching += filled
	case filled > 0 && r.TreatMissingData != NotBreaching && breaching == known: // nothing contradicts an alarm
		return r.undecided(points, breaching, now)
	}
	if breaching >= r.Datapoints {
		return InAlarm
	}
	return OK
}

// undecided is the state where points are missing, none of the others is within the threshold, and missing points
// count neither way.
func (r Rule) undecided(points []float64, breaching int, now State) State {
	switch {
	case breaching >= r.Datapoints:
		return InAlarm
	case r.TreatMissingData == Ignore:
		return now
	case r.premature(points):
		return InAlarm
	}
	return InsufficientData
}

// premature reports whether an alarm acts before it has enough points: the oldest breaching point is at least as
// old as Datapoints, and all later ones breach or are missing.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html#CloudWatch-alarms-avoiding-premature-transition
func (r Rule) premature(points []float64) bool {
	for i, value := range points {
		if !math.IsNaN(value) {
			return len(points)-i >= r.Datapoints
		}
	}
	return false
}
