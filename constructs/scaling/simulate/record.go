package simulate

import (
	"math"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// record holds the data points of each metric by minute.
type record struct {
	series map[string]*series
	delays Delays
}

type series struct {
	points []float64
	last   []int // for each minute the latest one, itself included, that has a point; -1: none
}

func newRecord(delays Delays) *record { return &record{map[string]*series{}, delays} }

// put adds the next minute's point of a metric; NaN is none.
func (r *record) put(metric string, value float64) {
	s := r.series[metric]
	if s == nil {
		s = &series{}
		r.series[metric] = s
	}
	last := -1
	if n := len(s.points); !math.IsNaN(value) {
		last = n
	} else if n > 0 {
		last = s.last[n-1]
	}
	s.points, s.last = append(s.points, value), append(s.last, last)
}

// upTo is the value of a metric at the latest minute that has a point, up to this one.
func (s *series) upTo(minute int) float64 {
	if minute < 0 || s.last[minute] < 0 {
		return math.NaN()
	}
	return s.points[s.last[minute]]
}

// watch is an alarm that is evaluated each minute.
type watch struct {
	name           string
	alarm          scaling.Alarm
	rule           Rule
	compiled       *scaling.Compiled
	reading        scaling.Reading
	state          State
	inputs         []*series
	delays         []int
	latest         int       // the longest of the delays
	settled        []float64 // values that no late point changes any more, by minute
	values, before []float64
	points         []float64
}

func newWatch(name string, alarm scaling.Alarm, r *record, reading scaling.Reading) *watch {
	n := len(alarm.Metrics)
	w := &watch{
		name: name, alarm: alarm, rule: RuleOf(alarm), compiled: alarm.Compile(), reading: reading, state: InsufficientData,
		values: make([]float64, n), before: make([]float64, n),
	}
	for _, m := range alarm.Metrics {
		key := m.Name + " " + m.Stat
		if r.series[key] == nil {
			r.series[key] = &series{}
		}
		w.inputs = append(w.inputs, r.series[key])
		w.delays = append(w.delays, r.delays[m.Source])
		w.latest = max(w.latest, r.delays[m.Source])
	}
	return w
}

// at is the alarm's value of a minute, as it is known at another one.
func (w *watch) at(minute, now int) float64 {
	if minute < len(w.settled) {
		return w.settled[minute]
	}
	for i, s := range w.inputs {
		known := now - w.delays[i]
		w.values[i] = math.NaN()
		if minute <= known {
			w.values[i] = s.points[minute]
		}
		w.before[i] = s.upTo(min(minute-1, known))
	}
	value := w.compiled.Eval(w.values, w.before, w.reading)
	if minute == len(w.settled) && minute+w.latest <= now {
		w.settled = append(w.settled, value)
	}
	return value
}

// evaluate moves the alarm's state at the end of a minute. While it is in ALARM it acts, each minute. The value is that of the points
// that were evaluated; NaN: none exists.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-actions
func (w *watch) evaluate(now int) (value float64, acts bool) {
	w.points = w.points[:0]
	for minute := now - w.rule.Range() + 1; minute <= now; minute++ {
		if minute < 0 {
			w.points = append(w.points, math.NaN())
			continue
		}
		w.points = append(w.points, w.at(minute, now))
	}
	w.state = w.rule.Next(w.points, w.state)
	return aggregate(w.alarm.Policy.Aggregation, w.points, w.rule.Periods), w.state == InAlarm
}

// aggregate is one value of the most recent points: a policy has one breach. How many points AWS aggregates was not
// found; the deployed pair does not depend on it, since one alarm has one period and the other one step.
func aggregate(by string, points []float64, most int) float64 {
	total, n, largest := 0.0, 0, math.Inf(-1)
	for i := len(points) - 1; i >= 0 && n < most; i-- {
		if !math.IsNaN(points[i]) {
			total, n, largest = total+points[i], n+1, max(largest, points[i])
		}
	}
	switch {
	case n == 0:
		return math.NaN()
	case by == "Maximum":
		return largest
	}
	return total / float64(n)
}
