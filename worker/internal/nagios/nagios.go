// Package nagios holds the interface between a monitoring plugin and Nagios, Icinga or any other program that runs plugins: the
// states with their exit statuses, the ranges that a figure is compared with, and the one line of output.
// https://www.monitoring-plugins.org/doc/guidelines.html
package nagios

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// State is the result of a check. Its number is the plugin's exit status.
type State int

// The states of the guidelines.
const (
	OK State = iota
	Warning
	Critical
	Unknown
)

// String is the name that the line of output carries.
func (s State) String() string {
	switch s {
	case OK:
		return "OK"
	case Warning:
		return "WARNING"
	case Critical:
		return "CRITICAL"
	}
	return "UNKNOWN"
}

// Metric is one item of the performance data: a figure that the check measured, with its ranges.
type Metric struct {
	Label    string
	Value    float64
	Unit     string   // "s", "%", "B", "c" for a counter, or "" for a number of things
	Warning  *Range   // nil: none
	Critical *Range   // nil: none
	Min, Max *float64 // bounds that the figure cannot leave; nil: none
}

// String is the form 'label'=value[unit];[warning];[critical];[min];[max], without semicolons at its end.
func (m Metric) String() string {
	fields := []string{label(m.Label) + "=" + value(m.Value) + m.Unit, "", "", "", ""}
	if m.Warning != nil {
		fields[1] = m.Warning.String()
	}
	if m.Critical != nil {
		fields[2] = m.Critical.String()
	}
	if m.Min != nil {
		fields[3] = value(*m.Min)
	}
	if m.Max != nil {
		fields[4] = value(*m.Max)
	}
	return strings.TrimRight(strings.Join(fields, ";"), ";")
}

// label is a label that every reader can read. The guidelines have allowed quotes and equals signs in a label and forbidden them again,
// and the plugins' own Perl library reads neither: both become "_". A label with other special characters stands in quotes.
func label(text string) string {
	text = strings.NewReplacer("'", "_", "=", "_").Replace(printable(text))
	plain := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return "'" + text + "'"
	}
	return text
}

// value is a number without an exponent. U stands for a value that could not be determined.
func value(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "U"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// Line is a plugin's whole output: the subject of the check, its state, a text and, behind a bar, the performance data.
func Line(subject string, state State, text string, metrics []Metric) string {
	line := printable(subject + " " + state.String() + ": " + text)
	for i, m := range metrics {
		if i == 0 {
			line += "|" + m.String()
		} else {
			line += " " + m.String()
		}
	}
	return line
}

// printable replaces characters that would end the line, or that a terminal would act on, by spaces, and bars, which end the text, by
// slashes.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '/'
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, text)
}
