package nagios

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Range is the set of values from Low to High, both included, in which a figure is as it should be. If Inside is set, a figure is as it
// should be outside of that set. The zero value allows 0 alone.
// https://www.monitoring-plugins.org/doc/guidelines.html#THRESHOLDFORMAT
type Range struct {
	Low, High float64 // may be infinite
	Inside    bool    // alert inside of the range, instead of outside
}

var errRange = errors.New("want a range: 10 (0 to 10), 10: (10 or more), ~:10 (10 or less), 10:20 (between them) or @10:20 (not between them)")

// ParseRange reads a range in the form [@][start:][end]. Without a start it begins at 0, ~ is a start without limit, and without an
// end it has no upper limit.
func ParseRange(text string) (Range, error) {
	var r Range
	var err error
	text, r.Inside = strings.CutPrefix(text, "@")
	start, end, two := strings.Cut(text, ":")
	switch {
	case !two:
		end = start
	case start == "~":
		r.Low = math.Inf(-1)
	default:
		r.Low, err = number(start)
	}
	if err != nil {
		return Range{}, err
	}
	if two && end == "" {
		r.High = math.Inf(1)
	} else if r.High, err = number(end); err != nil {
		return Range{}, err
	}
	if r.Low > r.High {
		return Range{}, errRange
	}
	return r, nil
}

// number reads a number of digits, a point and a minus sign. The guidelines have no exponents, and no units in ranges.
func number(text string) (float64, error) {
	if strings.Trim(text, "-.0123456789") != "" {
		return 0, errRange
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, errRange
	}
	return n, nil
}

// UnmarshalText is [ParseRange] for a command line.
func (r *Range) UnmarshalText(text []byte) error {
	parsed, err := ParseRange(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}

// String is the shortest form that [ParseRange] reads as this range.
func (r Range) String() string {
	var text string
	if !math.IsInf(r.High, 1) {
		text = value(r.High)
	}
	switch {
	case math.IsInf(r.Low, -1):
		text = "~:" + text
	case r.Low != 0 || text == "":
		text = value(r.Low) + ":" + text
	}
	if r.Inside {
		text = "@" + text
	}
	return text
}

// Alerts says whether a value is one to alert about. A value that is no number always is.
func (r Range) Alerts(v float64) bool {
	return math.IsNaN(v) || (v >= r.Low && v <= r.High) == r.Inside
}
