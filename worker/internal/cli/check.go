package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/NETWAYS/go-check"
)

// checkCommand are the plugins. Exit status, the one line of text, performance data and ranges are those that Nagios,
// Icinga and their like know.
// https://www.monitoring-plugins.org/doc/guidelines.html
type checkCommand struct {
	Service checkServiceCommand `cmd:"" help:"Is the worker on this instance alive, and does it take jobs?"`
	Type    checkTypeCommand    `cmd:"" help:"Do the jobs of a content type go on as they should?"`
}

// plugin is what the checks have in common.
type plugin struct {
	Timeout int `default:"8" help:"Seconds after which the state is UNKNOWN; check_nrpe gives up after 10."`
}

// Validate is called by kong.
func (p plugin) Validate() error {
	if p.Timeout < 1 {
		return fmt.Errorf("--timeout %d: want at least 1 second", p.Timeout)
	}
	return nil
}

// verdict is the answer of a check.
type verdict struct {
	about   string // whose state it is
	status  check.Status
	text    string
	figures check.PerfdataList
}

// print writes the line of the answer, and returns its exit status as an error: nil for OK.
func (v verdict) print(w io.Writer) error {
	// A line break would end the line, a bar the text.
	line := fmt.Sprintf("%s %s: %s", v.about, v.status, strings.NewReplacer("\n", " ", check.PerfdataSeparatorSymbol, "/").Replace(v.text))
	if figures := v.figures.String(); figures != "" {
		line += check.PerfdataSeparatorSymbol + figures
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	if v.status == check.OK {
		return nil
	}
	return exitStatus(v.status)
}

// unknown is the answer of a check that found no answer.
func unknown(about string, err error) verdict {
	return verdict{about: about, status: check.Unknown, text: explain(err)}
}

// printUnknown answers a command line that cannot be read.
func printUnknown(w io.Writer, err error) check.Status {
	_ = unknown("worker", fmt.Errorf("%w (worker check --help lists what there is)", err)).print(w) // the status says it too
	return check.Unknown
}

// overrun is how long after the timeout a check that does not heed it is still waited for: one that does says what it waited for.
const overrun = 500 * time.Millisecond

// answer prints what ask finds out, in time whatever it does. A panic would end the process with the status of CRITICAL.
func (p plugin) answer(ctx context.Context, w io.Writer, about string, ask func(context.Context) (verdict, error)) error {
	limit := time.Duration(p.Timeout) * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers := make(chan verdict, 1)
	go func() { // left behind if it hangs: the process ends
		defer func() {
			if bug := recover(); bug != nil {
				answers <- unknown(about, fmt.Errorf("a bug in this check: %v", bug))
			}
		}()
		v, err := ask(ctx)
		if err != nil {
			v = unknown(about, err)
		}
		v.about = about
		answers <- v
	}()
	select {
	case v := <-answers:
		return v.print(w)
	case <-time.After(limit + overrun):
		return unknown(about, fmt.Errorf("no answer within %s (--timeout)", limit)).print(w)
	}
}

// limit is a range in which a figure is as it should be.
// https://www.monitoring-plugins.org/doc/guidelines.html#THRESHOLDFORMAT
type limit struct{ check.Threshold }

// UnmarshalText reads a range such as "10", "10:", "~:10", "10:20" or "@10:20".
func (l *limit) UnmarshalText(text []byte) error {
	t, err := check.ParseThreshold(string(text))
	if err != nil || string(text) == check.RangeStartSymbol || t.Lower > t.Upper {
		return errors.New("want a range: 10 (0 to 10), 10: (10 or more), ~:10 (10 or less), 10:20 (between them) or @10:20 (not between them)")
	}
	l.Threshold = *t
	return nil
}

// limits are ranges by the name of a figure.
type limits map[string]limit

// UnmarshalText adds what it reads, such as "ready=5000;dead=~:": the flag may be given several times.
func (l *limits) UnmarshalText(text []byte) error {
	if *l == nil {
		*l = limits{}
	}
	for one := range strings.SplitSeq(string(text), ";") {
		name, text, _ := strings.Cut(one, "=")
		var bounds limit
		if err := bounds.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q: after the name of a figure and =, %w", one, err)
		}
		(*l)[name] = bounds
	}
	return nil
}

// of is the range of a figure; nil: it has none.
func (l limits) of(figure string) *check.Threshold {
	if found, ok := l[figure]; ok {
		return &found.Threshold
	}
	return nil
}

// figure is a number that a check found.
type figure struct {
	name  string
	unit  string // s: seconds, c: a counter, "": things
	value float64
	most  any    // nil: no bound
	says  string // what it means where it is out of its range
}

// judge compares figures, the most important first, with their ranges: it says of those out of theirs what they mean, CRITICAL
// ones first, and ends with rest.
func judge(figures []figure, warning, critical limits, rest string) verdict {
	v := verdict{status: check.OK}
	said := map[check.Status][]string{}
	for _, f := range figures {
		perfdata := &check.Perfdata{Label: f.name, Value: f.value, Uom: f.unit, Warn: warning.of(f.name), Crit: critical.of(f.name), Min: 0, Max: f.most}
		v.figures.Add(perfdata)
		status := check.OK
		switch {
		case perfdata.Crit != nil && perfdata.Crit.DoesViolate(f.value):
			status = check.Critical
		case perfdata.Warn != nil && perfdata.Warn.DoesViolate(f.value):
			status = check.Warning
		}
		v.status = check.WorstState(v.status, status)
		said[status] = append(said[status], f.says)
	}
	v.text = strings.Join(append(append(said[check.Critical], said[check.Warning]...), rest), "; ")
	return v
}
