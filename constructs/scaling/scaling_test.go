package scaling

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func defaults() Params {
	return Params{
		Processes: 2, TargetLatency: 10 * time.Minute, MeanJobTime: 5 * time.Minute,
		CPUBelow: 70, CPUFor: 10 * time.Minute, RemovePercent: 10, MinCapacity: 1,
	}
}

func with(change func(*Params)) Params {
	p := defaults()
	change(&p)
	return p
}

func measuring() Params { return with(func(p *Params) { p.Measured = true }) }

func TestRenderedText(t *testing.T) {
	longJobs := with(func(p *Params) { p.Processes, p.MeanJobTime = 10, 3*time.Hour })
	fromZero := with(func(p *Params) { p.MinCapacity, p.RemovePercent = 0, 25 })
	for _, c := range []struct {
		name  string
		alarm Alarm
		want  []string
	}{
		{"scale out", ScaleOut(defaults()), []string{
			"IF(FILL(age, 0) > 480, CEIL(visible/3.2), CEIL((visible - 2*n)/3.2))"}},
		{"scale out, long jobs do not free their slots in time", ScaleOut(longJobs), []string{
			"IF(FILL(age, 0) > 480, CEIL(visible/10), CEIL((visible - 0*n)/10))"}},
		{"scale out, job time measured", ScaleOut(measuring()), []string{
			"FILL(measured, 300)",
			"2*(IF(600 > job, 600/job, 1) - 1)",
			"2*IF(480 > job, 480/job, 1)",
			"IF(FILL(age, 0) > 480, CEIL(visible/fresh), CEIL((visible - present*n)/fresh))"}},
		{"scale in", ScaleIn(defaults()), []string{
			"IF(n*10/100 > 1, FLOOR(n*10/100), 1)",
			"IF(FILL(visible, 0) + FILL(busy, 0)/100*n*2 > CEIL((n - removed)*2*0.8), 100, cpu)"}},
		{"scale in to zero", ScaleIn(fromZero), []string{
			"IF(n*25/100 > 1, FLOOR(n*25/100), 1)",
			"IF((FILL(visible, 0) + FILL(busy, 0)/100*n*2 > CEIL((n - removed)*2*0.8)) OR ((n <= 1) AND (FILL(unfinished, 0) > 0)), 100, cpu)"}},
	} {
		for i, f := range c.alarm.Formulas {
			if got := f.Expr.String(); got != c.want[i] {
				t.Errorf("%s: %s\n got %s\nwant %s", c.name, f.ID, got, c.want[i])
			}
		}
	}
}

type data = map[string]float64

func TestScaleOutByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		data data
		want float64
	}{
		{"nothing waits", data{"visible": 0, "n": 1}, 0}, // (0 − 2)/3.2 = −0.6
		{"what waits fits the present box in time", data{"visible": 2, "n": 1, "age": 60}, 0},
		{"one message more", data{"visible": 3, "n": 1, "age": 60}, 1},                               // 1/3.2
		{"a box takes 3.2 jobs", data{"visible": 50, "n": 3, "age": 60}, 14},                         // 44/3.2 = 13.75
		{"from zero boxes", data{"visible": 1, "n": 0}, 1},                                           // 1/3.2
		{"at 80 % of the target still believed", data{"visible": 3, "n": 5, "age": 480}, -2},         // −7/3.2 = −2.2
		{"past it the whole queue counts", data{"visible": 3, "n": 5, "age": 481}, 1},                // 3/3.2
		{"the group's size is not known yet", data{"visible": 50, "age": 60}, math.NaN()},            // notBreaching
		{"SQS sleeps after six idle hours", data{"n": 1}, math.NaN()},                                // notBreaching
		{"no age where nothing has been received", data{"visible": 9, "n": 1}, math.Ceil(7.0 / 3.2)}, // FILL
	} {
		check(t, c.name, ScaleOut(defaults()).Eval(c.data), c.want)
	}
}

// With the measured time the alarm must say what it says with the same time in the configuration, and
// with the assumed one while nothing is measured.
func TestMeasuredJobTimeCountsLikeAConfiguredOne(t *testing.T) {
	for _, seconds := range []float64{1, 60, 299, 300, 480, 500, 600, 601, 36_000, math.NaN()} {
		configured := defaults()
		if !math.IsNaN(seconds) {
			configured.MeanJobTime = time.Duration(seconds) * time.Second
		}
		for visible := range 400 {
			point := data{"visible": float64(visible), "n": 7, "age": 60}
			want := ScaleOut(configured).Eval(point)
			if !math.IsNaN(seconds) {
				point["measured"] = seconds
			}
			// The configured formula rounds to three decimals, so a box may be missing a message earlier.
			if got := ScaleOut(measuring()).Eval(point); math.Abs(got-want) > 1 || got != want && visible < 100 {
				t.Errorf("job time %v, %d visible: %v boxes missing, %v with it configured", seconds, visible, got, want)
			}
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
		// Ten boxes, two processes each: one goes, 9·2·0.8 = 14.4 → 15 may run or wait.
		{"idle boxes", defaults(), data{"n": 10, "cpu": 20, "busy": 50, "visible": 0}, 20},
		{"exactly what the rest can hold", defaults(), data{"n": 10, "cpu": 20, "busy": 75, "visible": 0}, 20},
		{"waiting counts like running", defaults(), data{"n": 10, "cpu": 20, "busy": 75, "visible": 1}, 100},
		{"I/O-bound: little CPU, all slots busy", defaults(), data{"n": 10, "cpu": 3, "busy": 100, "visible": 0}, 100},
		// 35 boxes: ⌊3.5⌋ go, 32·2·0.8 = 51.2 → 52.
		{"a tenth of many", defaults(), data{"n": 35, "cpu": 20, "busy": 0, "visible": 52}, 20},
		{"a tenth of many, full", defaults(), data{"n": 35, "cpu": 20, "busy": 0, "visible": 53}, 100},
		// Two boxes: 1·2·0.8 = 1.6 → 2; without CEIL two jobs would hold two boxes for ever.
		{"two jobs fit one box", defaults(), data{"n": 2, "cpu": 9, "busy": 50, "visible": 0}, 9},
		{"busy is missing: the guard sees the queue alone", defaults(), data{"n": 2, "cpu": 9, "visible": 0}, 9},
		{"CPU is missing", defaults(), data{"n": 2, "busy": 0, "visible": 0}, math.NaN()},
		{"min 0: the last box stays while a job is unfinished", zero, data{"n": 1, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 1}, 100},
		{"min 0: the last box goes", zero, data{"n": 1, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 0}, 1},
		{"min 0: unfinished holds only the last box", zero, data{"n": 3, "cpu": 1, "busy": 0, "visible": 0, "unfinished": 1}, 1},
	} {
		check(t, c.name, ScaleIn(c.params).Eval(c.data), c.want)
	}
}

func check(t *testing.T, name string, got, want float64) {
	t.Helper()
	if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

// What is deployed is text, what is tested and simulated is the tree: they must agree for any values,
// present or missing, and for any parameters.
func TestTextMeansWhatTheTreeMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		p := Params{
			Processes:     1 + rng.IntN(64),
			TargetLatency: time.Duration(5+rng.IntN(120)) * time.Minute,
			MeanJobTime:   time.Duration(1+rng.IntN(20_000)) * time.Second,
			CPUBelow:      1 + rng.IntN(99), CPUFor: 10 * time.Minute,
			RemovePercent: 1 + rng.IntN(100), MinCapacity: rng.IntN(2), Measured: rng.IntN(2) == 0,
		}
		tracking := Track(p)
		for _, alarm := range []Alarm{ScaleOut(p), ScaleIn(p), Silent(), AtMax(), {Metrics: tracking.Metrics, Formulas: tracking.Formulas}} {
			point := data{}
			for _, m := range alarm.Metrics {
				if rng.IntN(8) > 0 {
					point[m.ID] = float64(rng.IntN(300))
				}
			}
			byText := data{}
			for k, v := range point {
				byText[k] = v
			}
			var last float64
			for _, f := range alarm.Formulas {
				v, err := evaluateText(f.Expr.String(), byText)
				if err != nil {
					t.Fatal(err)
				}
				byText[f.ID], last = v, v
			}
			if got := alarm.Eval(point); got != last && !(math.IsNaN(got) && math.IsNaN(last)) {
				t.Fatalf("%+v %v: the tree gives %v, its text %v", p, point, got, last)
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
		ops := []string{"+", "-", "*", "/", ">", "<=", "AND", "OR"}
		switch rng.IntN(6) {
		case 0:
			return when(tree(depth-1), tree(depth-1), tree(depth-1))
		case 1:
			return ceil(tree(depth - 1))
		default:
			return binary{ops[rng.IntN(len(ops))], tree(depth - 1), tree(depth - 1)}
		}
	}
	for range 20_000 {
		e, point := tree(4), data{"a": float64(rng.IntN(5)), "b": float64(rng.IntN(5))}
		got, err := evaluateText(e.String(), point)
		if err != nil {
			t.Fatal(err)
		}
		if want := e.Eval(point); math.Abs(got-want) > 1e-9 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%s at %v: text %v, tree %v", e, point, got, want)
		}
	}
}

func TestTrackedBacklogHalvesWhereTheGroupDoubles(t *testing.T) {
	for name, params := range map[string]Params{"configured": defaults(), "measured": measuring()} {
		tracking := Track(params)
		check(t, name+": target", tracking.Target, 600)
		value := func(point data) float64 { return Alarm{Formulas: tracking.Formulas}.Eval(point) }
		for n := 1.0; n <= 64; n *= 2 {
			check(t, name+": 512 jobs of 300 s", value(data{"visible": 512, "n": n}), 512*300/(2*n))
		}
		check(t, name+": SQS sleeps", value(data{"n": 3}), 0)
		check(t, name+": no boxes", value(data{"visible": 5, "n": 0}), math.NaN())
		check(t, name+": the group's size is not known", value(data{"visible": 5}), math.NaN())
	}
	check(t, "another measured time", Alarm{Formulas: Track(measuring()).Formulas}.Eval(data{"visible": 10, "n": 1, "measured": 60}), 300)
}

func TestSilence(t *testing.T) {
	alarm := Silent()
	for _, c := range []struct {
		name   string
		data   data
		silent bool
	}{
		{"boxes say nothing", data{"n": 2}, true},
		{"all busy", data{"n": 2, "busy": 100}, false},
		{"all idle", data{"n": 2, "busy": 0}, false},
		{"no boxes", data{"n": 0}, false},
		{"the group's size is not known", data{}, false}, // notBreaching
	} {
		if got := alarm.Eval(c.data) > alarm.Threshold; got != c.silent {
			t.Errorf("%s: silent %t", c.name, got)
		}
	}
}

// At the maximum is no fault by itself, only while somebody waits; a quiet queue publishes no numbers.
func TestAtMaxCountsOnlyWhileMessagesWait(t *testing.T) {
	for _, c := range []struct {
		data map[string]float64
		want float64
	}{
		{map[string]float64{"n": 20, "most": 20, "visible": 1}, 1},
		{map[string]float64{"n": 21, "most": 20, "visible": 1}, 1}, // the maximum was lowered
		{map[string]float64{"n": 19, "most": 20, "visible": 500}, 0},
		{map[string]float64{"n": 20, "most": 20, "visible": 0}, 0},
		{map[string]float64{"n": 20, "most": 20}, 0},
	} {
		if got := AtMax().Eval(c.data); got != c.want {
			t.Errorf("%v: %v, want %v", c.data, got, c.want)
		}
	}
}
