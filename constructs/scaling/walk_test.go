package scaling

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/scaling.md anew")

// breaching is whether the alarm acts on a value.
func breaching(a Alarm, value float64) bool {
	if math.IsNaN(value) {
		return a.MissingBreaches
	}
	return map[string]bool{
		"GreaterThanThreshold":          value > a.Threshold,
		"GreaterThanOrEqualToThreshold": value >= a.Threshold,
		"LessThanOrEqualToThreshold":    value <= a.Threshold,
	}[a.Comparison]
}

func breaches(a Alarm, at Point) bool { return breaching(a, a.Eval(at)) }

// move is by how many instances AWS changes a group of n when the alarm has that value for its periods.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-scaling-adjustment
func move(t *testing.T, a Alarm, value float64, n int) int {
	t.Helper()
	if !breaching(a, value) {
		return 0
	}
	steps := matching(a, value)
	if len(steps) != 1 {
		t.Fatalf("%s: %d steps match the value %v", a.Description, len(steps), value)
	}
	change := steps[0].Adjustment
	if a.Policy.AdjustmentType == "PercentChangeInCapacity" {
		exact := float64(n) * float64(change) / 100
		change = int(exact) // towards zero, but what lies between 0 and 1 becomes 1
		if change == 0 {
			change = int(math.Copysign(1, exact))
		}
		if least := a.Policy.MinAdjustmentMagnitude; change > -least && change < least {
			change = int(math.Copysign(float64(least), exact))
		}
	}
	return change
}

// The guard of the scale-in alarm must reckon with exactly the instances that the policy takes.
func TestGuardReckonsWithWhatThePolicyRemoves(t *testing.T) {
	for percent := 1; percent <= 100; percent++ {
		alarm := ScaleIn(with(func(p *Params) { p.RemovePercent = percent }))
		for n := 1; n <= 1000; n++ {
			want := evaluate(alarm.Formulas[0].Expr, now(data{"n": float64(n)}))
			if got := -move(t, alarm, 0, n); float64(got) != want {
				t.Fatalf("%d instances, %d per cent: the policy removes %d, the guard reckons with %v", n, percent, got, want)
			}
		}
	}
}

// fleets are the sizes that the tables show.
var fleets = []int{0, 1, 2, 9, 20, 200}

func backlogs() []int {
	return []int{0, 1, 2, 3, 4, 5, 7, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}
}

// growth table: what each backlog adds to each fleet, with a young and with an old oldest message.
func growthTable(t *testing.T) string {
	out := ScaleOut(defaults())
	var text strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	head, rule := []string{"waiting messages"}, []string{"--:"}
	for _, n := range fleets {
		head, rule = append(head, plural(n, "instance", "instances")), append(rule, "--:")
	}
	row(head...)
	row(rule...)
	for _, waiting := range backlogs() {
		cells := []string{fmt.Sprint(waiting)}
		for _, n := range fleets {
			added := func(age float64) int {
				return move(t, out, out.Eval(now(data{"visible": float64(waiting), "n": float64(n), "age": age})), n)
			}
			young, old := added(60), added(481)
			cell := signed(young)
			if old != young {
				cell += " (" + signed(old) + ")"
			}
			cells = append(cells, cell)
		}
		row(cells...)
	}
	return text.String()
}

// shrinking table: what each group CPU takes from each fleet, and how many jobs forbid it.
func shrinkingTable(t *testing.T) string {
	in := ScaleIn(defaults())
	var text strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	levels := []float64{0, 35, 70, 70.1, 100}
	head, rule := []string{"fleet"}, []string{"---"}
	for _, cpu := range levels {
		head, rule = append(head, fmt.Sprintf("CPU %v %%", cpu)), append(rule, "--:")
	}
	row(append(head, "while at most this many jobs run and wait")...)
	row(append(rule, "--:")...)
	for _, n := range fleets {
		point := func(cpu float64, jobs int) Point {
			return now(data{"n": float64(n), "cpu": cpu, "busy": 0, "visible": float64(jobs)})
		}
		cells := []string{plural(n, "instance", "instances")}
		for _, cpu := range levels {
			change := move(t, in, in.Eval(point(cpu, 0)), n)
			cells = append(cells, signed(max(change, 1-max(n, 1)))) // the group's minimum, 1
		}
		jobs := 0
		if n < 2 {
			row(append(cells, "the minimum stays")...)
			continue
		}
		for move(t, in, in.Eval(point(0, jobs+1)), n) != 0 {
			jobs++
		}
		row(append(cells, fmt.Sprint(jobs))...)
	}
	return text.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func signed(change int) string {
	if change == 0 {
		return "·"
	}
	return strings.Replace(fmt.Sprintf("%+d", change), "-", "−", 1)
}

// The tables of docs/scaling.md are made by walking the deployed alarms through their policies' steps.
func TestTheDocumentedTablesAreTrue(t *testing.T) {
	const path = "../../docs/scaling.md"
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(committed)
	for name, table := range map[string]string{"growing": growthTable(t), "shrinking": shrinkingTable(t)} {
		begin, end := "<!-- "+name+": go test ./constructs/scaling -update -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no table between %q and %q", path, begin, end)
		}
		text = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(committed), text); diff != "" {
		t.Errorf("%s differs from what the alarms do; run go test ./constructs/scaling -update (-committed +walked):\n%s", path, diff)
	}
}
