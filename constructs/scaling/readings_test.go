package scaling

import (
	"math"
	"testing"
)

// state is one way in which a metric can be known at a moment.
type state struct {
	now, before float64 // NaN: no data point
}

// states are those of a metric that has one of these values: it has come, comes late, or was never known.
func states(values ...float64) []state {
	all := []state{{math.NaN(), math.NaN()}}
	for _, v := range values {
		all = append(all, state{v, math.NaN()}, state{math.NaN(), v})
	}
	return all
}

// interesting are the values of each metric that the formulas tell apart.
var interesting = map[string][]state{
	"visible":    states(0, 1, 3, 50, 1000),
	"age":        states(0, 60, 480, 481),
	"n":          states(0, 1, 2, 20, 200),
	"most":       states(1, 20),
	"busy":       states(0, 50, 100),
	"unfinished": states(0, 1),
	"cpu":        states(0, 70, 71),
	"spent":      states(0, 600, 7200),
	"ended":      states(2, 12),
	"zombies":    states(0, 1),
	"sick":       states(0, 1),
	"careful":    states(0, 1),
}

// everyPoint calls visit with every combination of the states of the alarm's metrics.
func everyPoint(t *testing.T, a Alarm, visit func(Point)) {
	t.Helper()
	at := Point{Values: data{}, Before: data{}}
	var choose func(metrics []Metric)
	choose = func(metrics []Metric) {
		if len(metrics) == 0 {
			visit(at)
			return
		}
		m := metrics[0].ID
		if len(interesting[m]) == 0 {
			t.Fatalf("no values of metric %s to try", m)
		}
		for _, s := range interesting[m] {
			put(at.Values, m, s.now)
			put(at.Before, m, s.before)
			choose(metrics[1:])
		}
	}
	choose(a.Metrics)
}

func put(to data, metric string, v float64) {
	delete(to, metric)
	if !math.IsNaN(v) {
		to[metric] = v
	}
}

// acts is what an alarm does at a moment under a reading: how many instances it adds or removes, or for an alarm
// for people whether it rings.
func acts(t *testing.T, a Alarm, at Point, reading Reading) int {
	t.Helper()
	at.Reading = reading
	value := a.Eval(at)
	if a.Policy.AdjustmentType != "" {
		return move(t, a, value, 100)
	}
	if breaching(a, value) {
		return 1
	}
	return 0
}

// difference walks an alarm under both readings and returns a moment at which it acts differently.
func difference(t *testing.T, a Alarm) (at Point, points int, differs bool) {
	t.Helper()
	everyPoint(t, a, func(p Point) {
		points++
		if !differs && acts(t, a, p, Zero) != acts(t, a, p, Drop) {
			at, differs = Point{Values: copied(p.Values), Before: copied(p.Before)}, true
		}
	})
	return at, points, differs
}

func copied(d data) data {
	c := data{}
	for k, v := range d {
		c[k] = v
	}
	return c
}

func everyAlarm() map[string]Alarm {
	zero := with(func(p *Params) { p.MinCapacity = 0 })
	many := with(func(p *Params) { p.Processes, p.MinCapacity, p.MeanJobTime = 10, 0, 3_600_000_000_000 })
	return map[string]Alarm{
		"ScaleOut": ScaleOut(defaults()), "ScaleOut, many": ScaleOut(many),
		"ScaleIn": ScaleIn(defaults()), "ScaleIn, min 0": ScaleIn(zero), "ScaleIn, many": ScaleIn(many),
		"Silent": Silent(), "Late": Late(defaults()), "AtMax": AtMax(), "Zombies": Zombies(), "Sick": Sick(), "Careful": Careful(),
	}
}

// It is not known which of the two readings is CloudWatch's, so every alarm acts the same under both.
func TestEveryAlarmActsTheSameUnderBothReadings(t *testing.T) {
	for name, alarm := range everyAlarm() {
		at, points, differs := difference(t, alarm)
		if differs {
			t.Errorf("%s: at %+v it does %d under Zero and %d under Drop", name, at, acts(t, alarm, at, Zero), acts(t, alarm, at, Drop))
		}
		t.Logf("%s: %d points", name, points)
	}
}

// Formulas that read an unfilled metric beside another act differently: the walk has to find that.
func TestTheWalkFindsFormulasThatDependOnTheReading(t *testing.T) {
	for name, expr := range map[string]Expr{
		"a size that is not filled":             ceil(div(sub(visible, mul(number(2), desired)), number(3.2))),
		"a share where the condition holds":     when(gt(visible, number(0)), busy, number(200)),
		"a comparison of two series":            le(most, desired),
		"a true branch that is missing is zero": sub(number(1), when(gt(visible, number(0)), busy, number(1))),
	} {
		metrics := []Metric{queueVisible, workersBusy, groupDesired, groupMax}
		wrong := Alarm{Metrics: metrics, Formulas: []Formula{{"wrong", "", expr}}, Comparison: "GreaterThanOrEqualToThreshold", Threshold: 1, MissingBreaches: name == "a share where the condition holds"}
		if _, _, differs := difference(t, wrong); !differs {
			t.Errorf("%s: the walk finds no difference", name)
		}
	}
}

// Silent workers are no idle workers: without their busy share, the group's size or its CPU nothing is removed.
func TestScaleInFailsClosed(t *testing.T) {
	for name, alarm := range everyAlarm() {
		if alarm.Policy.AdjustmentType != "PercentChangeInCapacity" {
			continue
		}
		removes := 0
		everyPoint(t, alarm, func(at Point) {
			for _, reading := range []Reading{Zero, Drop} {
				if acts(t, alarm, at, reading) == 0 {
					continue
				}
				removes++
				for _, needed := range []string{"busy", "n", "cpu"} {
					if _, ok := at.Values[needed]; !ok {
						t.Fatalf("%s removes instances without %s: %+v", name, needed, at)
					}
				}
			}
		})
		if removes == 0 {
			t.Errorf("%s never removes an instance", name)
		}
	}
}

// AWS follows the tracked value in its own way, so the value itself is the same under both readings.
func TestTheTrackedValueIsTheSameUnderBothReadings(t *testing.T) {
	tracking := Track(defaults())
	alarm := Alarm{Metrics: tracking.Metrics, Formulas: tracking.Formulas}
	everyPoint(t, alarm, func(at Point) {
		at.Reading = Zero
		zero := alarm.Eval(at)
		at.Reading = Drop
		check(t, "tracked", zero, alarm.Eval(at))
	})
}
