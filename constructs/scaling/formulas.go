package scaling

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// boot is how long an instance takes from launch to its first job, for the formulas.
const boot = 2 * time.Minute

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
	measured   id = "measured"
	jobTime    id = "job"
	present    id = "present"
	fresh      id = "fresh"
)

var (
	queueVisible    = Metric{string(visible), "waiting messages", Queue, contract.QueueNamespace, "ApproximateNumberOfMessagesVisible", "Maximum"}
	queueAge        = Metric{string(age), "age of the oldest message, seconds", Queue, contract.QueueNamespace, contract.QueueAge, "Maximum"}
	groupDesired    = Metric{string(desired), "desired instances", Group, "AWS/AutoScaling", "GroupDesiredCapacity", "Average"}
	groupMax        = Metric{string(most), "largest number of instances", Group, "AWS/AutoScaling", "GroupMaxSize", "Average"}
	groupInService  = Metric{string(inService), "instances in service", Group, "AWS/AutoScaling", "GroupInServiceInstances", "Average"}
	groupCPU        = Metric{string(cpu), "average CPU, per cent", Group, "AWS/EC2", "CPUUtilization", "Average"}
	workersBusy     = Metric{string(busy), "busy processes, per cent", ContentType, contract.MetricNamespace, contract.MetricBusy, "Average"}
	typesUnfinished = Metric{string(unfinished), "ready and running jobs", ContentType, contract.MetricNamespace, contract.MetricUnfinished, "Maximum"}
	workersZombies  = Metric{"zombies", "jobs of workers that died", ContentType, contract.MetricNamespace, contract.MetricZombies, "Sum"}
	workersJobTime  = Metric{string(measured), "measured mean job time, seconds", ContentType, contract.MetricNamespace, contract.MetricMeanJobTime, "Maximum"}
)

// ScaleOut is the alarm that adds instances: the number of boxes that the queue needs beyond those the
// group has, counting what the present ones will take up within the target. Once the oldest message
// nears the target, that belief is dropped and the whole queue counts. It works from zero boxes.
func ScaleOut(p Params) Alarm {
	a := Alarm{
		Description: fmt.Sprintf("The queue needs more boxes to start every job within %s.", readable(p.TargetLatency)),
		Page:        "scaling.md",
		Metrics:     []Metric{queueVisible, queueAge, groupDesired},
		Comparison:  "GreaterThanOrEqualToThreshold",
		Threshold:   1,
		Periods:     1,
		Policy:      Policy{AdjustmentType: "ChangeInCapacity", Aggregation: "Maximum", Steps: growth()},
	}
	var ofPresent, ofFresh Expr // jobs that a box takes up: a present one beyond those it runs, a new one in all
	if p.Measured {
		a.Metrics = append(a.Metrics, workersJobTime)
		a.Formulas = takenUp(p)
		ofPresent, ofFresh = present, fresh
	} else {
		s := float64(p.Processes)
		ofPresent = number(round(s * rounds(p.TargetLatency, p.MeanJobTime)))
		ofFresh = number(round(s + s*rounds(p.TargetLatency-boot, p.MeanJobTime)))
	}
	a.Formulas = append(a.Formulas, Formula{"missing", "boxes missing", when(
		gt(fill(age), number(0.8*p.TargetLatency.Seconds())),
		ceil(div(visible, ofFresh)),
		ceil(div(sub(visible, mul(ofPresent, desired)), ofFresh)),
	)})
	return a
}

// takenUp are the jobs that a box takes up, where CloudWatch works them out from the measured job time.
func takenUp(p Params) []Formula {
	s := number(p.Processes)
	starts := func(window time.Duration) Expr { // of one process, the first included
		w := number(window.Seconds())
		return when(gt(w, jobTime), div(w, jobTime), number(1))
	}
	return []Formula{
		measuredJobTime(p),
		{string(present), "waiting jobs that a present box takes up in time", mul(s, sub(starts(p.TargetLatency), number(1)))},
		{string(fresh), "waiting jobs that a new box takes up in time", mul(s, starts(p.TargetLatency-boot))},
	}
}

// measuredJobTime is what the workers measured; while they have not, the assumed time.
func measuredJobTime(p Params) Formula {
	return Formula{string(jobTime), "mean job time, seconds", fillWith(measured, number(p.MeanJobTime.Seconds()))}
}

// ScaleIn is the alarm that removes instances: the group's average CPU, read as 100 % (so that it
// never acts) where what runs and what waits would not fit on the boxes that are left, with a fifth to
// spare because the metrics are two minutes old. CPU alone would kill workers that wait for I/O
// (https://github.com/aws/aws-cdk/issues/20706). There is no FILL around the whole: on metrics that
// are always a minute late it would hold the alarm in OK for ever.
func ScaleIn(p Params) Alarm {
	s, percent := number(p.Processes), number(p.RemovePercent)
	share := func() Expr { return div(mul(inService, percent), number(100)) }
	needed := add(fill(visible), mul(div(fill(busy), number(100)), inService, s))
	guard := gt(needed, ceil(mul(sub(inService, removed), s, number(0.8))))
	metrics := []Metric{queueVisible, workersBusy, groupInService, groupCPU}
	if p.MinCapacity == 0 {
		guard = or(guard, and(le(inService, number(1)), gt(fill(unfinished), number(0))))
		metrics = append(metrics, typesUnfinished)
	}
	return Alarm{
		Description: fmt.Sprintf("The group's CPU is at most %d %% for %s and the rest of it can hold all work.", p.CPUBelow, readable(p.CPUFor)),
		Page:        "scaling.md",
		Metrics:     metrics,
		Formulas: []Formula{
			{string(removed), "boxes that one step removes", when(gt(share(), number(1)), floor(share()), number(1))},
			{"guarded", "CPU, 100 while the boxes are needed", when(guard, number(100), cpu)},
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

// noShare is no share of busy processes, in per cent: it stands for a missing one.
const noShare = 200

// Silent is the alarm for people on workers that publish nothing although boxes are in service. While it
// lasts the guard of [ScaleIn] takes all processes for idle. A box may take two minutes to boot and
// publishes after a minute of work.
func Silent() Alarm {
	return Alarm{
		Description: "Boxes are in service, but no worker says how busy it is: the group may shrink under running jobs. See whether workers start, and may put metric data.",
		Page:        "runbook/silent.md",
		Metrics:     []Metric{groupInService, workersBusy},
		Formulas: []Formula{{"silent", "busy processes, per cent; 200: boxes are in service and say nothing", when(
			gt(inService, number(0)), fillWith(busy, noShare), number(0),
		)}},
		Comparison: "GreaterThanThreshold",
		Threshold:  100,
		Periods:    5,
	}
}

// rounds is how many more jobs a process starts within window after its first one. Long jobs give 0:
// they do not free their process in time.
func rounds(window, job time.Duration) float64 { return max(0, float64(window)/float64(job)-1) }

// round keeps three decimals, so that a person can read the alarm.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

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

// growth adds as many boxes as are missing, rounded down to one of few values: from each bound on,
// that many. The table is the same whatever a group's maximum, which clamps it: a new maximum is one
// line of a diff.
func growth() []Step {
	adjustments := []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377}
	steps := make([]Step, len(adjustments))
	for i, a := range adjustments {
		steps[i] = Step{Lower: new(float64(a - 1)), Adjustment: a} // the breach is counted from the threshold, 1
		if i > 0 {
			steps[i-1].Upper = steps[i].Lower
		}
	}
	return steps
}
