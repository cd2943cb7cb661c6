package scaling

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func defaults() Params {
	return Params{
		Processes: 2, TargetLatency: 10 * time.Minute, MeanJobTime: 5 * time.Minute,
		CPUBelow: 70, CPUFor: 10 * time.Minute, RemovePercent: 10, MinCapacity: 1, MaxCapacity: 20,
	}
}

func with(change func(*Params)) Params {
	p := defaults()
	change(&p)
	return p
}

func TestRenderedText(t *testing.T) {
	fromZero := with(func(p *Params) { p.Processes, p.MinCapacity, p.RemovePercent = 10, 0, 25 })
	for _, c := range []struct {
		name  string
		alarm Alarm
		want  []string
	}{
		{"scale out", ScaleOut(defaults()), []string{
			"(FILL(FILL(spent, REPEAT), 0) + 600)/FILL(FILL(ended, REPEAT), 2)",
			"2*(IF(600 > job, 600/job, 1) - 1)",
			"2*IF(480 > job, 480/job, 1)",
			"IF(FILL(visible, -1) >= 0, IF(FILL(age, 0) > 480, CEIL(visible/fresh), CEIL((visible - present*FILL(FILL(n, REPEAT), 10000))/fresh)))"}},
		{"scale in", ScaleIn(defaults()), []string{
			"IF(n*10/100 > 1, FLOOR(n*10/100), 1)",
			"(n - removed)*2",
			"IF(stay > 25, stay ^ 0.5, stay/5)",
			"((FILL(busy, -1) >= 0) AND (FILL(n, 0) >= 1)) AND (FILL(cpu, -1) >= 0)",
			"IF(known, IF(FILL(visible, 0) + busy/100*n*2 > CEIL(stay - spare), 100, cpu))"}},
		{"scale in to zero", ScaleIn(fromZero), []string{
			"IF(n*25/100 > 1, FLOOR(n*25/100), 1)",
			"(n - removed)*10",
			"IF(stay > 25, stay ^ 0.5, stay/5)",
			"(((FILL(busy, -1) >= 0) AND (FILL(n, 0) >= 1)) AND (FILL(cpu, -1) >= 0)) AND ((FILL(n, 0) > 1) OR (FILL(unfinished, -1) >= 0))",
			"IF(known, IF((FILL(visible, 0) + busy/100*n*10 > CEIL(stay - spare)) OR ((n <= 1) AND (FILL(unfinished, 0) > 0)), 100, cpu))"}},
		{"silent", Silent(), []string{"(FILL(FILL(n, REPEAT), 0) > 0) AND (0 > FILL(busy, -1))"}},
		{"at its maximum", AtMax(), []string{"IF((FILL(FILL(most, REPEAT), 10000) <= FILL(FILL(n, REPEAT), 0)) AND (FILL(visible, 0) > 0), 1, 0)"}},
	} {
		for i, f := range c.alarm.Formulas {
			if got := f.Expr.String(); got != c.want[i] {
				t.Errorf("%s: %s\n got %s\nwant %s", c.name, f.ID, got, c.want[i])
			}
		}
	}
}

type data = map[string]float64

// now is a moment at which nothing is known of before.
func now(values data) Point { return Point{Values: values, Reading: Drop} }

func TestScaleOutByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		data data
		want float64
	}{
		{"nothing waits", data{"visible": 0, "n": 1}, 0}, // (0 − 2)/3.2 = −0.6
		{"the waiting jobs fit the present instance in time", data{"visible": 2, "n": 1, "age": 60}, 0},
		{"one message more", data{"visible": 3, "n": 1, "age": 60}, 1},                                  // 1/3.2
		{"an instance takes 3.2 jobs", data{"visible": 50, "n": 3, "age": 60}, 14},                      // 44/3.2 = 13.75
		{"from zero instances", data{"visible": 1, "n": 0}, 1},                                          // 1/3.2
		{"at 80 % of the target still believed", data{"visible": 3, "n": 5, "age": 480}, -2},            // −7/3.2 = −2.2
		{"past it the whole queue counts", data{"visible": 3, "n": 5, "age": 481}, 1},                   // 3/3.2
		{"the group's size is not known yet", data{"visible": 50, "age": 60}, -6234},                    // as if it were large enough
		{"the group's size is not known and jobs wait", data{"visible": 50, "age": 481}, 16},            // 50/3.2 = 15.6
		{"SQS sleeps after six idle hours", data{"n": 1}, math.NaN()},                                   // notBreaching
		{"no age where nothing has been received", data{"visible": 9, "n": 1}, math.Ceil(7.0 / 3.2)},    // FILL
		{"short jobs, measured", data{"visible": 90, "n": 1, "age": 60, "spent": 5280, "ended": 98}, 5}, // (5280 + 600)/98 = 60; (90 − 18)/16 = 4.5
		{"long jobs, measured", data{"visible": 9, "n": 20, "age": 60, "spent": 6600, "ended": 2}, 5},   // (6600 + 600)/2 = 3600; 9/2: they free no process in time
		{"long jobs and a group of unknown size", data{"visible": 9, "age": 60, "spent": 6600, "ended": 2}, 5},
	} {
		check(t, c.name, ScaleOut(defaults()).Eval(now(c.data)), c.want)
	}
	late := now(data{"visible": 90, "age": 60})
	late.Before = data{"n": 1, "spent": 5280, "ended": 98}
	check(t, "size and job time come a minute late", ScaleOut(defaults()).Eval(late), 5)
}

// Until the workers have measured, the given time counts alone. Then it has the weight of two jobs.
func TestTheGivenJobTimeIsTheStartingValue(t *testing.T) {
	for _, given := range []time.Duration{time.Second, time.Minute, 5 * time.Minute, 8*time.Minute + 20*time.Second, 10 * time.Hour} {
		start := ScaleOut(with(func(p *Params) { p.MeanJobTime = given }))
		for visible := range 400 {
			point := data{"visible": float64(visible), "n": 7, "age": 60}
			got := start.Eval(now(point))
			point["spent"], point["ended"] = 98*given.Seconds(), 100
			check(t, fmt.Sprintf("%s, %d visible", given, visible), start.Eval(now(point)), got)
			point["spent"], point["ended"] = 4*given.Seconds()-600, 4
			check(t, fmt.Sprintf("%s as the mean, %d visible", given, visible), ScaleOut(defaults()).Eval(now(point)), got)
		}
	}
}

func TestScaleInByHand(t *testing.T) {
	zero := with(func(p *Params) { p.MinCapacity = 0 })
	for _, c := range []struct {
		name   string
		params Params
		data   data
		want   float64
	}{
		// Ten instances, two processes each: one goes, 18 − 18/5 = 14.4 → 15 may run or wait.
		{"idle instances", defaults(), data{"n": 10, "cpu": 20, "busy": 50, "visible": 0}, 20},
		{"exactly what the rest can hold", defaults(), data{"n": 10, "cpu": 20, "busy": 75, "visible": 0}, 20},
		{"waiting counts like running", defaults(), data{"n": 10, "cpu": 20, "busy": 75, "visible": 1}, 100},
		{"I/O-bound: little CPU, all slots busy", defaults(), data{"n": 10, "cpu": 3, "busy": 100, "visible": 0}, 100},
		// 35 instances: ⌊3.5⌋ go, 64 − √64 = 56.
		{"a tenth of many", defaults(), data{"n": 35, "cpu": 20, "busy": 0, "visible": 56}, 20},
		{"a tenth of many, full", defaults(), data{"n": 35, "cpu": 20, "busy": 0, "visible": 57}, 100},
		// Two instances: 2 − 2/5 = 1.6 → 2; without CEIL two jobs would hold two instances for ever.
		{"two jobs fit one instance", defaults(), data{"n": 2, "cpu": 9, "busy": 50, "visible": 0}, 9},
		{"SQS sleeps after six idle hours", defaults(), data{"n": 2, "cpu": 9, "busy": 0}, 9},
		{"min 0: the last instance stays while a job is unfinished", zero, data{"n": 1, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 1}, 100},
		{"min 0: the last instance goes", zero, data{"n": 1, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 0}, 1},
		{"min 0: the last instance stays while nobody counts the jobs", zero, data{"n": 1, "cpu": 1, "busy": 0, "visible": 0}, math.NaN()},
		{"min 0: unfinished holds only the last instance", zero, data{"n": 3, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 1}, 1},
		{"min 0: nobody counts the jobs, and others stay", zero, data{"n": 3, "cpu": 1, "busy": 0, "visible": 0}, 1},
		{"no instances", zero, data{"n": 0, "unfinished": 0}, math.NaN()},
	} {
		check(t, c.name, ScaleIn(c.params).Eval(now(c.data)), c.want)
	}
}

// The headroom is a fifth of the slots that stay, and their square root from 25 slots on.
func TestHeadroom(t *testing.T) {
	alarm := ScaleIn(defaults())
	for slots := 1; slots <= 20_000; slots++ {
		at := now(data{"stay": float64(slots)})
		want := math.Min(float64(slots)/5, math.Sqrt(float64(slots)))
		if got := evaluate(alarm.Formulas[2].Expr, at); math.Abs(got-want) > 1e-9 {
			t.Fatalf("%d slots: %v to spare, want %v", slots, got, want)
		}
	}
}

func check(t *testing.T, name string, got, want float64) {
	t.Helper()
	if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

// The text is deployed, the tree is tested and simulated: they must agree for any values,
// present or missing, for any parameters and under both readings.
func TestTextMeansWhatTheTreeMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		p := Params{
			Processes:     1 + rng.IntN(64),
			TargetLatency: time.Duration(5+rng.IntN(120)) * time.Minute,
			MeanJobTime:   time.Duration(1+rng.IntN(20_000)) * time.Second,
			CPUBelow:      1 + rng.IntN(99), CPUFor: 10 * time.Minute,
			RemovePercent: 1 + rng.IntN(100), MinCapacity: rng.IntN(2), MaxCapacity: 1 + rng.IntN(1000),
		}
		tracking := Track(p)
		for _, alarm := range []Alarm{ScaleOut(p), ScaleIn(p), Silent(), AtMax(), {Metrics: tracking.Metrics, Formulas: tracking.Formulas}} {
			point := Point{Values: data{}, Before: data{}, Reading: Reading(rng.IntN(2))}
			for _, m := range alarm.Metrics {
				if rng.IntN(4) > 0 {
					point.Values[m.ID] = float64(rng.IntN(300))
				}
				if rng.IntN(2) > 0 {
					point.Before[m.ID] = float64(rng.IntN(300))
				}
			}
			byText := Point{Values: maps.Clone(point.Values), Before: point.Before, Reading: point.Reading}
			var last float64
			for _, f := range alarm.Formulas {
				v, err := evaluateText(f.Expr.String(), byText)
				if err != nil {
					t.Fatal(err)
				}
				if last = v; !math.IsNaN(v) {
					byText.Values[f.ID] = v
				}
			}
			if got := alarm.Eval(point); got != last && !(math.IsNaN(got) && math.IsNaN(last)) {
				t.Fatalf("%+v %+v: the tree gives %v, its text %v", p, point, got, last)
			}
		}
	}
}

// TestRenderingKeepsGrouping walks random trees, since the formulas above use few shapes.
func TestRenderingKeepsGrouping(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var tree func(depth int) Expr
	tree = func(depth int) Expr {
		if depth == 0 || rng.IntN(5) == 0 {
			return []Expr{id("a"), id("b"), number(rng.IntN(4)), number(0.5)}[rng.IntN(4)]
		}
		ops := []string{"+", "-", "*", "/", ">", ">=", "<=", "AND", "OR"}
		switch rng.IntN(7) {
		case 0:
			return when(tree(depth-1), tree(depth-1), tree(depth-1))
		case 1:
			return ceil(tree(depth - 1))
		case 2:
			return sqrt(tree(depth - 1))
		default:
			return binary{ops[rng.IntN(len(ops))], tree(depth - 1), tree(depth - 1)}
		}
	}
	for range 20_000 {
		e, point := tree(4), Point{Values: data{"a": float64(rng.IntN(5))}, Reading: Reading(rng.IntN(2))}
		if rng.IntN(2) > 0 {
			point.Values["b"] = float64(rng.IntN(5))
		}
		got, err := evaluateText(e.String(), point)
		if err != nil {
			t.Fatal(err)
		}
		if want := evaluate(e, point); got != want && !(math.Abs(got-want) <= 1e-9) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%s at %+v: text %v, tree %v", e, point, got, want)
		}
	}
}

func TestTrackedBacklogHalvesWhereTheGroupDoubles(t *testing.T) {
	tracking := Track(defaults())
	check(t, "target", tracking.Target, 600)
	value := func(point data) float64 {
		return Alarm{Metrics: tracking.Metrics, Formulas: tracking.Formulas}.Eval(now(point))
	}
	for n := 1.0; n <= 64; n *= 2 {
		check(t, "512 jobs of 300 s", value(data{"visible": 512, "n": n}), 512*300/(2*n))
	}
	check(t, "SQS sleeps", value(data{"n": 3}), 0)
	check(t, "no instances", value(data{"visible": 5, "n": 0}), math.NaN())
	check(t, "the group's size is not known", value(data{"visible": 5}), math.NaN())
	check(t, "another measured time", value(data{"visible": 10, "n": 1, "spent": 5280, "ended": 98}), 300)
}

func TestSilence(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     Point
		silent bool
	}{
		{"instances report nothing", Point{Values: data{"n": 2}}, true},
		{"all busy", Point{Values: data{"n": 2, "busy": 100}}, false},
		{"all idle", Point{Values: data{"n": 2, "busy": 0}}, false},
		{"no instances", Point{Values: data{"n": 0}}, false},
		{"a new group, whose size is not known", Point{}, false},
		{"the group's size comes late", Point{Before: data{"n": 2}}, true},
		{"the group's size comes late, and it is empty", Point{Before: data{"n": 0}}, false},
	} {
		if got := breaches(Silent(), c.at); got != c.silent {
			t.Errorf("%s: silent %t", c.name, got)
		}
	}
}

// At the maximum is no fault by itself, only while somebody waits; a quiet queue publishes no numbers.
func TestAtMaxCountsOnlyWhileMessagesWait(t *testing.T) {
	for _, c := range []struct {
		at   Point
		want bool
	}{
		{Point{Values: data{"n": 20, "most": 20, "visible": 1}}, true},
		{Point{Values: data{"n": 21, "most": 20, "visible": 1}}, true}, // the maximum was lowered
		{Point{Values: data{"n": 19, "most": 20, "visible": 500}}, false},
		{Point{Values: data{"n": 20, "most": 20, "visible": 0}}, false},
		{Point{Values: data{"n": 20, "most": 20}}, false},
		{Point{Values: data{"visible": 1}, Before: data{"n": 20, "most": 20}}, true},
		{Point{Values: data{"visible": 1}}, false}, // the sizes were never known
		{Point{Values: data{"visible": 1, "n": 20}}, false},
		{Point{Values: data{"visible": 1, "most": 20}}, false},
	} {
		if got := breaches(AtMax(), c.at); got != c.want {
			t.Errorf("%+v: %t, want %t", c.at, got, c.want)
		}
	}
}
