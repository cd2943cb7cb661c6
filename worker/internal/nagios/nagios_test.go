package nagios

import (
	"math"
	"strings"
	"testing"
)

// TestRanges has the examples of the guidelines, and the ends of each range on both sides.
func TestRanges(t *testing.T) {
	for text, c := range map[string]struct{ fine, alert []float64 }{
		"10":         {[]float64{0, 5, 10}, []float64{-0.001, -1, 10.001, 11}},
		"10:":        {[]float64{10, 10.001, 1e9, math.Inf(1)}, []float64{9.999, 0, -10}},
		"~:10":       {[]float64{math.Inf(-1), -1e9, 0, 10}, []float64{10.001, 11}},
		"10:20":      {[]float64{10, 15, 20}, []float64{9.999, 20.001}},
		"@10:20":     {[]float64{9.999, 20.001, -15}, []float64{10, 15, 20}},
		"@~:10":      {[]float64{10.001, 1e9}, []float64{10, 0, -5, math.Inf(-1)}},
		"@10":        {[]float64{-0.001, 10.001}, []float64{0, 5, 10}},
		"@10:":       {[]float64{9.999, -1e9}, []float64{10, 1e9, math.Inf(1)}},
		"@~:":        {nil, []float64{math.Inf(-1), 0, math.Inf(1)}},
		"0":          {[]float64{0}, []float64{1, -1}},
		"@0":         {[]float64{1, -1}, []float64{0}},
		"0:":         {[]float64{0, 1e9}, []float64{-0.001}},
		"~:":         {[]float64{math.Inf(-1), -1e9, 0, 1e9, math.Inf(1)}, nil},
		"~:0":        {[]float64{-1e9, 0}, []float64{0.001}},
		"-5.5:1.5":   {[]float64{-5.5, 0, 1.5}, []float64{-5.501, 1.501}},
		"-10:-5":     {[]float64{-10, -7, -5}, []float64{-10.001, -4.999, 7}},
		"~:-5":       {[]float64{-1e9, -5}, []float64{-4.999, 0}},
		"5:5":        {[]float64{5}, []float64{4.999, 5.001}},
		"0.0001":     {[]float64{0, 0.0001}, []float64{0.0002}},
		"1000000000": {[]float64{1e9}, []float64{1e9 + 1}},
	} {
		r, err := ParseRange(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, v := range c.fine {
			if r.Alerts(v) {
				t.Errorf("%s alerts about %g", text, v)
			}
		}
		for _, v := range append(c.alert, math.NaN()) {
			if !r.Alerts(v) {
				t.Errorf("%s does not alert about %g", text, v)
			}
		}
		again, err := ParseRange(r.String())
		if err != nil || again != r {
			t.Errorf("%s is written as %s, which is read as %+v, %v", text, r, again, err)
		}
	}
}

func TestBadRanges(t *testing.T) {
	for _, text := range []string{
		"", " ", "x", "@", ":", "@:", ":10", "~", "@~", "10:~", "~:~", "1:2:3", "::", "10:5", "@20:10", "-5", "5:-5", // no range
		"10s", "5%", "1e3", "0x10", "1_000", "1,5", "+5", "Inf", "NaN", "--5", "5-", "1.2.3", ".", "-", "~10", "10@", "@@10", "~:10@", " 10", "10 ", "10 :20", // no number
		strings.Repeat("9", 400), // larger than any
	} {
		kept := Range{Low: 1, High: 2}
		if err := kept.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "want a range: 10 (0 to 10)") || kept != (Range{Low: 1, High: 2}) {
			t.Errorf("%q: %v, %+v", text, err, kept)
		}
	}
}

func TestRangesAreWrittenInTheirShortestForm(t *testing.T) {
	for text, want := range map[string]string{"0:10": "10", "0:": "0:", "10:": "10:", "~:10": "~:10", "~:": "~:", "@0:10": "@10", "@~:": "@~:", "10:20": "10:20", "1.50:2.00": "1.5:2", "600": "600"} {
		if r, err := ParseRange(text); err != nil || r.String() != want {
			t.Errorf("%s is written as %s, want %s (%v)", text, r, want, err)
		}
	}
}

// The exit statuses are part of the interface.
func TestStates(t *testing.T) {
	for status, want := range []string{"OK", "WARNING", "CRITICAL", "UNKNOWN", "UNKNOWN"} {
		if got := State(status).String(); got != want {
			t.Errorf("exit status %d is %s, want %s", status, got, want)
		}
	}
	if OK != 0 || Warning != 1 || Critical != 2 || Unknown != 3 {
		t.Error("the states do not have the exit statuses of plugins")
	}
}

func TestMetrics(t *testing.T) {
	for want, m := range map[string]Metric{
		"up=1":                 {Label: "up", Value: 1},
		"age=90s":              {Label: "age", Value: 90, Unit: "s"},
		"age=0.25s":            {Label: "age", Value: 0.25, Unit: "s"},
		"size=1000000000000B":  {Label: "size", Value: 1e12, Unit: "B"},
		"off=-5":               {Label: "off", Value: -5},
		"none=U":               {Label: "none", Value: math.NaN()},
		"huge=U":               {Label: "huge", Value: math.Inf(1)},
		"restarts=3c;;;0":      {Label: "restarts", Value: 3, Unit: "c", Min: new(0.0)},
		"a=1;10":               {Label: "a", Value: 1, Warning: &Range{High: 10}},
		"a=1;;@5:10":           {Label: "a", Value: 1, Critical: &Range{Low: 5, High: 10, Inside: true}},
		"a=1;~:5;5:;0;1":       {Label: "a", Value: 1, Warning: &Range{Low: math.Inf(-1), High: 5}, Critical: &Range{Low: 5, High: math.Inf(1)}, Min: new(0.0), Max: new(1.0)},
		"a=1;;;;100":           {Label: "a", Value: 1, Max: new(100.0)},
		"''=1":                 {Value: 1},
		"'a b'=1":              {Label: "a b", Value: 1},
		"'/var/log'=1%":        {Label: "/var/log", Value: 1, Unit: "%"},
		"it_s=1":               {Label: "it's", Value: 1},
		"größe_2=1":            {Label: "größe_2", Value: 1},
		"a_b=1":                {Label: "a=b", Value: 1},
		"'a_ b__'=1":           {Label: "a' b='", Value: 1},
		"'a/b'=1":              {Label: "a|b", Value: 1},
		"'a b c'=1":            {Label: "a\nb\x1bc", Value: 1},
		"'load1;5'=1":          {Label: "load1;5", Value: 1},
		"'C:\\ Label: data'=1": {Label: `C:\ Label: data`, Value: 1},
		"'two words'=1":        {Label: "two\u00a0words", Value: 1},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTheOutputIsOneLine(t *testing.T) {
	for want, c := range map[string]struct {
		subject, text string
		metrics       []Metric
	}{
		"it WARNING: fine":                     {"it", "fine", nil},
		"it WARNING: a/b / c|x=1":              {"it", "a|b | c", []Metric{{Label: "x", Value: 1}}},
		"it WARNING: two  lines  |x=1 'y z'=2": {"it", "two\r\nlines\n\n", []Metric{{Label: "x", Value: 1}, {Label: "y z", Value: 2}}},
		"a/b c WARNING: red [31m, tab ,  end":  {"a|b\nc", "red\x1b[31m, tab\t, \u2028end", nil},
		"it WARNING: left right 你好 é ✓":        {"it", "left\u202eright 你好 é ✓", nil},
		"it WARNING: \ufffd":                   {"it", "\xff", nil},
		"it WARNING: ":                         {"it", "", nil},
	} {
		if got := Line(c.subject, Warning, c.text, c.metrics); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
