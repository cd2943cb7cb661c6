package scaling

// Tracking is what AWS follows by itself where target tracking stands in place of the alarm pair: it
// makes alarms of its own that keep the value of the last formula at Target.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking-metric-math.html
type Tracking struct {
	Metrics  []Metric
	Formulas []Formula
	Target   float64
}

// Track follows the backlog of a process in seconds: how long the present instances take to work off the
// waiting jobs. It halves where the group doubles, as target tracking needs it, and its target is the latency. It does
// not see running jobs, and is NaN for no instances: from zero it cannot scale out.
func Track(p Params) Tracking {
	return Tracking{
		Metrics: []Metric{queueVisible, groupInService, workersSpent, workersEnded},
		Formulas: []Formula{
			measuredJobTime(p),
			{"backlog", "seconds that the backlog takes", div(mul(fill(visible, 0), jobTime), mul(inService, number(p.Processes)))},
		},
		Target: p.TargetLatency.Seconds(),
	}
}
