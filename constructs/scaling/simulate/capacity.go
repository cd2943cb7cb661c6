package simulate

import "github.com/worker-tier/worker-tier/constructs/scaling"

// Capacity is a group at the moment when an alarm acts on it.
type Capacity struct {
	Min, Max, Desired int
	Settled           int // instances in service that have warmed up
	Warming           int // instances that are launching or warm up
	Terminating       int // instances that drain
}

// After is the desired capacity once an alarm in ALARM with this value has run its policy.
//
// Out: the base are the instances that have warmed up. The larger of the wanted and the desired capacity counts, so that
// two breaches of the same step during a warm-up are one action. In: nothing goes while an instance warms up, and
// instances that terminate still count, so that they are not removed twice.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#step-scaling-warmup
func (c Capacity) After(a scaling.Alarm, value float64) int {
	step, ok := Step(a, value)
	if !ok {
		return c.Desired
	}
	if change := Change(a.Policy, step.Adjustment, c.Settled); change > 0 {
		return max(c.Desired, min(c.Settled+change, c.Max))
	}
	current := c.Settled + c.Terminating
	change := Change(a.Policy, step.Adjustment, current)
	if change >= 0 || c.Warming > 0 {
		return c.Desired
	}
	return min(c.Desired, max(current+change, c.Min))
}
