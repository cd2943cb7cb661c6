package scaling

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	// Boot is how long an instance takes from launch to its first job, for the formulas.
	Boot = 2 * time.Minute
	// Warmup is how long a new instance does not count in the group's metrics. Without it step policies take the default
	// cooldown, 5 minutes, and would not scale in for that long.
	// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html
	Warmup = 2 * time.Minute
)

// The metrics of the formulas, by the names they have in them.
const (
	visible    id = "visible"
	age        id = "age"
	desired    id = "n"
	most       id = "most"
	inService  id = "n"
	busy       id = "busy"
	unfinished id = "unfinished"
	cpu        id = "cpu"
	removed    id = "removed"
	spent      id = "spent"
	ended      id = "ended"
	jobTime    id = "job"
	present    id = "present"
	fresh      id = "fresh"
	stay       id = "stay"
	spare      id = "spare"
	known      id = "known"
)

// largestGroup is the largest maximum that the configuration allows.
const largestGroup = 10_000

var (
	queueVisible    = Metric{string(visible), "waiting messages", Queue, contract.QueueNamespace, "ApproximateNumberOfMessagesVisible", "Maximum"}
	queueAge        = Metric{string(age), "age of the oldest message, seconds", Queue, contract.QueueNamespace, contract.QueueAge, "Maximum"}
	groupDesired    = Metric{string(desired), "desired instances", Group, "AWS/AutoScaling", "GroupDesiredCapacity", "Average"}
	groupMax        = Metric{string(most), "largest number of instances", Group, "AWS/AutoScaling", "GroupMaxSize", "Average"}
	groupInService  = Metric{string(inService), "instances in service", Group, "AWS/AutoScaling", "GroupInServiceInstances", "Average"}
	groupCPU        = Metric{string(cpu), "average CPU, per cent", Group, "AWS/EC2", "CPUUtilization", "Average"}
	workersBusy     = Metric{string(busy), "busy processes, per cent", ContentType, "", contract.MetricBusy, "Average"}
	typesUnfinished = Metric{string(unfinished), "ready and running jobs", ContentType, "", contract.MetricUnfinished, "Maximum"}
	workersZombies  = Metric{"zombies", "jobs of workers without heartbeats", ContentType, "", contract.MetricZombies, "Sum"}
	workersSick     = Metric{"sick", "sick instances", ContentType, "", contract.MetricSick, "Sum"}
	workersCareful  = Metric{"careful", "workers on which each job fails", ContentType, "", contract.MetricCareful, "Sum"}
	workersSpent    = Metric{string(spent), "time that jobs took, seconds", ContentType, "", contract.MetricJobTime, "Sum"}
	workersEnded    = Metric{string(ended), "jobs that ended, and two", ContentType, "", contract.MetricJobTime, "SampleCount"}
)

// ScaleOut is the alarm that adds instances: the number of instances that the queue needs beyond those of
// the group. The waiting jobs that the present instances take up within the target are not counted, until the
// oldest message nears the target: then the whole queue counts. It works from zero instances.
//
// The job time is what the workers measure, weighed with the given one. A group whose size was never known counts as large enough,
// so that the whole queue counts for it only once the oldest message nears the target.
//
// A minute without the queue's size has no data point. A size that reads as 0 would be a point within the threshold, and on
// metrics that always come a minute late it would hold the alarm in OK for ever.
func ScaleOut(p Params) Alarm {
	s := number(p.Processes)
	starts := func(window time.Duration) Expr { // of one process, the first included; long jobs free no process in time
		w := number(window.Seconds())
		return when(gt(w, jobTime), div(w, jobTime), number(1))
	}
	nearsTarget := gt(fill(age, 0), number(0.8*p.TargetLatency.Seconds()))
	return Alarm{
		Description: fmt.Sprintf("The queue needs more instances to start every job within %s.", readable(p.TargetLatency)),
		Page:        "scaling.md",
		Metrics:     []Metric{queueVisible, queueAge, groupDesired, workersSpent, workersEnded},
		Formulas: []Formula{
			measuredJobTime(p),
			{string(present), "waiting jobs that a present instance takes up in time", mul(s, sub(starts(p.TargetLatency), number(1)))},
			{string(fresh), "waiting jobs that a new instance takes up in time", mul(s, starts(p.TargetLatency-Boot))},
			{"missing", "instances missing", only(ge(fill(visible, -1), number(0)), when(
				nearsTarget,
				ceil(div(visible, fresh)),
				ceil(div(sub(visible, mul(present, lastKnown(desired, largestGroup))), fresh)),
			))},
		},
		Comparison: "GreaterThanOrEqualToThreshold",
		Threshold:  1,
		Periods:    1,
		Policy:     Policy{AdjustmentType: "ChangeInCapacity", Aggregation: "Maximum", Steps: growth(p.MaxCapacity)},
	}
}

// JobTime is the mean job time that the other formulas use, with its metrics.
func JobTime(p Params) ([]Metric, Formula) {
	return []Metric{workersSpent, workersEnded}, measuredJobTime(p)
}

// measuredJobTime is the mean of what the workers measured last and of two jobs of the given time.
func measuredJobTime(p Params) Formula {
	assumed := number(contract.JobTimeWeight * p.MeanJobTime.Seconds())
	return Formula{string(jobTime), "mean job time, seconds", div(add(lastKnown(spent, 0), assumed), lastKnown(ended, contract.JobTimeWeight))}
}

// ScaleIn is the alarm that removes instances: the group's average CPU. It reads 100 % (and so never acts) while
// the running and waiting jobs would not fit on the instances that stay. CPU alone would remove workers that wait
// for I/O (https://github.com/aws/aws-cdk/issues/20706). Some slots are spared because the metrics are
// two minutes old: a fifth, or the square root of the slots where that is less, as random arrivals vary by the
// square root of their number.
//
// The alarm fails closed: a minute in which the busy share, the group's size or its CPU is missing has no data
// point. It has no value that stands for such a minute: on metrics that always come a minute late that value would hold
// the alarm in OK for ever.
func ScaleIn(p Params) Alarm {
	s, percent := number(p.Processes), number(p.RemovePercent)
	share := div(mul(inService, percent), number(100))
	needed := gt(add(fill(visible, 0), mul(div(busy, number(100)), inService, s)), ceil(sub(stay, spare)))
	facts := and(ge(fill(busy, -1), number(0)), ge(fill(inService, 0), number(1)), ge(fill(cpu, -1), number(0)))
	metrics := []Metric{queueVisible, workersBusy, groupInService, groupCPU}
	if p.MinCapacity == 0 { // the last instance also stays for jobs that are in no queue and in no slot
		facts = and(facts, or(gt(fill(inService, 0), number(1)), ge(fill(unfinished, -1), number(0))))
		needed = or(needed, and(le(inService, number(1)), gt(fill(unfinished, 0), number(0))))
		metrics = append(metrics, typesUnfinished)
	}
	return Alarm{
		Description: fmt.Sprintf("The group's CPU is at most %d %% for %s and the rest of it can hold all work.", p.CPUBelow, readable(p.CPUFor)),
		Page:        "scaling.md",
		Metrics:     metrics,
		Formulas: []Formula{
			{string(removed), "instances that one step removes", when(gt(share, number(1)), floor(share), number(1))},
			{string(stay), "slots that stay", mul(sub(inService, removed), s)},
			{string(spare), "of them, slots to spare", when(gt(stay, number(25)), sqrt(stay), div(stay, number(5)))},
			{string(known), "1: all metrics are there", facts},
			{"guarded", "CPU, 100 while the instances are needed", only(known, when(needed, number(100), cpu))},
		},
		Comparison: "LessThanOrEqualToThreshold",
		Threshold:  float64(p.CPUBelow),
		Periods:    int(p.CPUFor / (Period * time.Second)),
		Policy: Policy{
			AdjustmentType:         "PercentChangeInCapacity",
			MinAdjustmentMagnitude: 1,
			Aggregation:            "Average",
			Steps:                  []Step{{Upper: new(0.0), Adjustment: -p.RemovePercent}},
		},
	}
}

// Silent is the alarm for people on workers that publish nothing although instances are in service. While it
// lasts the group does not shrink. A group whose size was never known has no instances, or each new
// one would ring.
func Silent() Alarm {
	return Alarm{
		Description: "Instances are in service, but no worker reports how busy it is: the group cannot shrink. See whether workers start, and may put metric data.",
		Page:        "runbook/silent.md",
		Metrics:     []Metric{groupInService, workersBusy},
		Formulas: []Formula{{"silent", "1: instances are in service and no worker reports", and(
			gt(lastKnown(inService, 0), number(0)), gt(number(0), fill(busy, -1)),
		)}},
		Comparison:      "GreaterThanThreshold",
		Threshold:       0,
		Periods:         5,
		MissingBreaches: true,
	}
}

// readable writes 10m, where Duration.String writes 10m0s.
func readable(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// maxSteps is the largest number of step adjustments of a policy. More fail only at deploy.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const maxSteps = 20

// growth adds at least as many instances as are missing: each step adds its upper bound. Adding less would leave
// the rest to a second action, after the new instances have warmed up. The steps grow by about 1.35, which
// reaches 546 instances, and by more where the group may grow further. So the table is the same for all common
// maxima, and a new maximum is one line of a diff. The group's maximum clamps what a step adds.
func growth(most int) []Step {
	adjustments := rounded(1.35)
	for factor := 1.4; adjustments[len(adjustments)-1] < most; factor += 0.05 {
		adjustments = rounded(factor)
	}
	steps := make([]Step, len(adjustments))
	for i, a := range adjustments {
		steps[i].Adjustment = a
		if i > 0 { // the breach is counted from the threshold, 1
			bound := new(float64(adjustments[i-1]))
			steps[i-1].Upper, steps[i].Lower = bound, bound
		} else {
			steps[i].Lower = new(0.0)
		}
	}
	return steps
}

// rounded are the first whole numbers that the powers of factor come nearest to.
func rounded(factor float64) []int {
	var values []int
	for power := 1.0; len(values) < maxSteps; power *= factor {
		if v := int(math.Round(power)); len(values) == 0 || v > values[len(values)-1] {
			values = append(values, v)
		}
	}
	return values
}
