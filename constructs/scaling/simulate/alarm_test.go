package simulate

import (
	"math"
	"testing"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

// points reads the notation of the guide: 0 is within the threshold, X breaches it, - is missing.
func points(text string) []float64 {
	var values []float64
	for _, r := range text {
		values = append(values, map[rune]float64{'0': 0, 'X': 2, '-': math.NaN()}[r])
	}
	return values
}

const retained = State("retained")

// The first ten rows are the two tables of today's guide, the next three are those of its edition of 2020. The last one follows
// from its text: enough points breach, so missing ones do not count.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
// https://github.com/awsdocs/amazon-cloudwatch-user-guide/blob/05fd32f63861ca6646c8aa5c94334fd6e0dfdbf5/doc_source/AlarmThatSendsEmail.md
func TestTheGuidesTablesOfMissingData(t *testing.T) {
	treatments := []string{Missing, Ignore, Breaching, NotBreaching}
	for _, c := range []struct {
		datapoints int // of 3
		points     string
		want       [4]State
	}{
		{3, "0-X-X", [4]State{OK, OK, OK, OK}},
		{3, "0----", [4]State{OK, OK, OK, OK}},
		{3, "-----", [4]State{InsufficientData, retained, InAlarm, OK}},
		{3, "0XX-X", [4]State{InAlarm, InAlarm, InAlarm, InAlarm}},
		{3, "--X--", [4]State{InAlarm, retained, InAlarm, OK}}, // premature
		{2, "0-X-X", [4]State{InAlarm, InAlarm, InAlarm, InAlarm}},
		{2, "00X0X", [4]State{InAlarm, InAlarm, InAlarm, InAlarm}},
		{2, "0-X--", [4]State{OK, OK, InAlarm, OK}},
		{2, "----0", [4]State{OK, OK, InAlarm, OK}},
		{2, "---X-", [4]State{InAlarm, retained, InAlarm, OK}}, // premature
		{3, "----X", [4]State{InsufficientData, retained, InAlarm, OK}},
		{3, "X----", [4]State{InAlarm, retained, InAlarm, OK}},
		{2, "----X", [4]State{InsufficientData, retained, InAlarm, OK}},
		{2, "---XX", [4]State{InAlarm, InAlarm, InAlarm, InAlarm}},
	} {
		for i, treatment := range treatments {
			rule := Rule{"GreaterThanThreshold", 1, 3, c.datapoints, treatment}
			if rule.Range() != len(c.points) {
				t.Fatalf("an alarm of 3 periods retrieves %d points, the guide's %d", rule.Range(), len(c.points))
			}
			for _, now := range []State{OK, InAlarm, InsufficientData} {
				want := c.want[i]
				if want == retained {
					want = now
				}
				if got := rule.Next(points(c.points), now); got != want {
					t.Errorf("%d of 3, %s, missing is %s, now %s: %s, want %s", c.datapoints, c.points, treatment, now, got, want)
				}
			}
		}
	}
}

// The figure of the guide: 3 of 3 breach in the third to fifth period, and one in the ninth.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
func TestTheGuidesFigureOfAnAlarm(t *testing.T) {
	rule, state, states := Rule{"GreaterThanThreshold", 1, 3, 3, Missing}, OK, ""
	all := points("--00XXX000X0")
	for end := 5; end <= len(all); end++ {
		state = rule.Next(all[end-5:end], state)
		states += map[State]string{OK: "o", InAlarm: "A"}[state]
	}
	if states != "ooAooooo" {
		t.Errorf("states %s, want ooAooooo", states)
	}
}

func TestEachComparisonBreachesOnItsSide(t *testing.T) {
	for comparison, want := range map[string][3]bool{
		"GreaterThanThreshold": {false, false, true}, "GreaterThanOrEqualToThreshold": {false, true, true},
		"LessThanThreshold": {true, false, false}, "LessThanOrEqualToThreshold": {true, true, false},
	} {
		for i, value := range []float64{9, 10, 11} {
			if got := (Rule{Comparison: comparison, Threshold: 10}).Breaches(value); got != want[i] {
				t.Errorf("%s 10: %v breaches: %t, want %t", comparison, value, got, want[i])
			}
		}
	}
}

// The deployed alarms act on all of their periods and by their own treatment of missing data.
func TestRuleOfADeployedAlarm(t *testing.T) {
	if got, want := RuleOf(scaling.Silent()), (Rule{"GreaterThanThreshold", 0, 5, 5, Breaching}); got != want {
		t.Errorf("Silent: %+v, want %+v", got, want)
	}
	if got, want := RuleOf(scaling.AtMax()), (Rule{"GreaterThanThreshold", 0, 60, 60, NotBreaching}); got != want {
		t.Errorf("AtMax: %+v, want %+v", got, want)
	}
}
