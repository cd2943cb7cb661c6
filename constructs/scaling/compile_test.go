package scaling

import "testing"

// evaluate computes an expression alone. Each name that the moment has is a metric of it.
func evaluate(e Expr, at Point) float64 {
	alarm, names := Alarm{Formulas: []Formula{{"it", "", e}}}, scope{}
	for _, known := range []data{at.Values, at.Before} {
		for name := range known {
			if _, there := names[name]; !there {
				names.place(name)
				alarm.Metrics = append(alarm.Metrics, Metric{ID: name})
			}
		}
	}
	return alarm.Eval(at)
}

// A compiled alarm keeps nothing of a moment for the next one.
func TestACompiledAlarmForgetsEachMoment(t *testing.T) {
	for name, alarm := range everyAlarm() {
		compiled := alarm.Compile()
		values, before := make([]float64, len(alarm.Metrics)), make([]float64, len(alarm.Metrics))
		everyPoint(t, alarm, func(at Point) {
			for i, m := range alarm.Metrics {
				values[i], before[i] = find(at.Values, m.ID), find(at.Before, m.ID)
			}
			check(t, name, compiled.Eval(values, before, at.Reading), alarm.Eval(at))
		})
	}
}

// A month of minutes of the pair, for the simulator's sake: no allocation.
func BenchmarkCompiledEval(b *testing.B) {
	alarm := ScaleIn(defaults())
	compiled, values := alarm.Compile(), []float64{3, 50, 20, 35}
	b.ReportAllocs()
	for b.Loop() {
		compiled.Eval(values, values, Drop)
	}
}

func TestACompiledAlarmDoesNotAllocate(t *testing.T) {
	compiled, values := ScaleIn(defaults()).Compile(), []float64{3, 50, 20, 35}
	if n := testing.AllocsPerRun(100, func() { compiled.Eval(values, values, Drop) }); n != 0 {
		t.Errorf("one minute allocates %v times", n)
	}
}
