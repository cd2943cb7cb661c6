package main

import (
	"strings"
	"testing"
)

func TestTheReadingOfMissingPointsIsJudged(t *testing.T) {
	answers := func(of func(question) float64) []float64 {
		var all []float64
		for _, q := range questions {
			all = append(all, of(q))
		}
		return all
	}
	for name, c := range map[string]struct {
		answers       []float64
		reading, fail string
	}{
		"as 0":    {answers(func(q question) float64 { return q.zero }), "counts as 0 in 4 of 4 expressions and removes the result in 0", ""},
		"removed": {answers(func(q question) float64 { return q.drop }), "counts as 0 in 0 of 4 expressions and removes the result in 4", ""},
		"neither": {answers(func(q question) float64 {
			if q.text == "FILL(FILL(b, REPEAT), 7)" {
				return 7
			}
			return q.zero
		}), "counts as 0 in 4", "FILL(FILL(b, REPEAT), 7) is 7, not 4 or 4"},
	} {
		reading, err := judge(c.answers)
		if !strings.Contains(reading, c.reading) {
			t.Errorf("%s: %s", name, reading)
		}
		if (err == nil) != (c.fail == "") || err != nil && err.Error() != c.fail {
			t.Errorf("%s: %v, want %q", name, err, c.fail)
		}
	}
}
