package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Delays are how many minutes late the metrics of each source come.
type Delays [3]int

// Setup is a group with the alarm pair, and its load.
type Setup struct {
	Params  scaling.Params
	Boot    time.Duration // from launch until an instance is in service, the launch hook included
	Warmup  time.Duration // from then on, until the instance counts as capacity
	Drain   time.Duration // from scale-in until the instance is gone; its jobs are handed back at once
	Zones   int
	Delays  Delays
	Reading scaling.Reading
	Jobs    []Job         // by the time of their submission
	For     time.Duration // at least so long; then until all jobs have ended
}

// Action is one change of the desired capacity.
type Action struct {
	Minute   int
	Alarm    string
	Value    float64
	From, To int
}

// Result is what a setup did with its load.
type Result struct {
	Minutes         int
	Ended           int       // jobs
	Late            int       // jobs that waited longer than the target
	Waits           []float64 // of the jobs that started, in seconds, sorted
	InstanceSeconds float64
	Most            int // instances in service at the end of a minute
	MinutesAtMax    int
	Actions         []Action
	Reversals       int // changes of direction
}

// Run simulates a setup. A load that its group cannot finish ends 30 days after its last submission.
func Run(s Setup) Result {
	f, record := newFleet(s), newRecord(s.Delays)
	pair := []*watch{
		newWatch("ScaleOut", scaling.ScaleOut(s.Params), record, s.Reading),
		newWatch("ScaleIn", scaling.ScaleIn(s.Params), record, s.Reading),
	}
	m, result := meters{active: true}, Result{}
	end := s.For.Minutes()
	last := end + (30 * 24 * time.Hour).Minutes()
	if n := len(s.Jobs); n > 0 {
		last = max(last, s.Jobs[n-1].Submit/60+(30*24*time.Hour).Minutes())
	}
	f.begin(s.Params.MinCapacity)
	minute := 0
	for ; float64(minute) < end || f.ended < len(s.Jobs) && float64(minute) < last; minute++ {
		f.run(float64(minute+1) * scaling.Period)
		m.measure(f, record, minute)
		for _, alarm := range pair {
			if value, acts := alarm.evaluate(minute); acts && !math.IsNaN(value) {
				before := f.capacity()
				if wanted := before.After(alarm.alarm, value); wanted != before.Desired {
					f.resize(wanted)
					result.act(Action{minute, alarm.name, value, before.Desired, wanted})
				}
			}
		}
		result.Most = max(result.Most, f.inService())
		if len(f.instances) >= s.Params.MaxCapacity {
			result.MinutesAtMax++
		}
	}
	result.Minutes, result.Ended, result.InstanceSeconds = minute, f.ended, f.cost
	for _, p := range f.progress {
		if !p.started || p.wait > s.Params.TargetLatency.Seconds() {
			result.Late++
		}
		if p.started {
			result.Waits = append(result.Waits, p.wait)
		}
	}
	slices.Sort(result.Waits)
	return result
}

func (r *Result) act(a Action) {
	if n := len(r.Actions); n > 0 && (r.Actions[n-1].To > r.Actions[n-1].From) != (a.To > a.From) {
		r.Reversals++
	}
	r.Actions = append(r.Actions, a)
}

// asleepAfter is for how many minutes nothing must have used a queue until SQS sends no metrics, and wakesIn how late
// the first ones come after that.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
const (
	asleepAfter = 6 * 60
	wakesIn     = 15
)

// The metrics by their names and statistics.
const (
	queueVisible   = "ApproximateNumberOfMessagesVisible Maximum"
	queueAge       = contract.QueueAge + " Maximum"
	groupDesired   = "GroupDesiredCapacity Average"
	groupInService = "GroupInServiceInstances Average"
	groupCPU       = "CPUUtilization Average"
	busyShare      = contract.MetricBusy + " Average"
	timeSpent      = contract.MetricJobTime + " Sum"
	jobsEnded      = contract.MetricJobTime + " SampleCount"
	unfinished     = contract.MetricUnfinished + " Maximum"
)

// meters make each minute's data points.
type meters struct {
	active       bool // SQS sends metrics
	used, woken  int  // the minutes when something used the queue last, and when it woke
	spent, ended float64
}

// measure writes the data points of a minute that ends now.
func (m *meters) measure(f *fleet, to *record, minute int) {
	m.queue(f, to, minute)
	inService, none := float64(f.inService()), math.NaN()
	to.put(groupDesired, float64(len(f.instances)))
	to.put(groupInService, inService)
	halves := math.Exp2(-1.0 / (6 * 60)) // a measurement of six hours ago counts half
	m.spent, m.ended = m.spent*halves+f.busy, m.ended*halves+float64(f.endedNow)
	if inService == 0 { // nobody reports
		for _, metric := range []string{busyShare, groupCPU, timeSpent, jobsEnded, unfinished} {
			to.put(metric, none)
		}
		return
	}
	to.put(busyShare, 100*float64(f.running)/float64(f.running+f.free))
	cpu := none
	if f.served > 0 {
		cpu = min(100, f.cpu/f.served)
	}
	to.put(groupCPU, cpu)
	to.put(timeSpent, m.spent)
	to.put(jobsEnded, m.ended+contract.JobTimeWeight)
	to.put(unfinished, float64(len(f.waiting)+f.running))
}

// queue writes the queue's size and age. A worker that polls uses the queue as well as a message in it.
func (m *meters) queue(f *fleet, to *record, minute int) {
	if f.inService() > 0 || len(f.waiting) > 0 {
		if !m.active {
			m.active, m.woken = true, minute+wakesIn
		}
		m.used = minute
	} else if minute-m.used >= asleepAfter {
		m.active = false
	}
	if !m.active || minute < m.woken {
		to.put(queueVisible, math.NaN())
		to.put(queueAge, math.NaN())
		return
	}
	age := 0.0
	if len(f.waiting) > 0 {
		age = f.now - f.progress[f.waiting[0]].enqueued
	}
	to.put(queueVisible, float64(len(f.waiting)))
	to.put(queueAge, age)
}
