package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/nagios"
)

// checkCommand holds the monitoring plugins.
type checkCommand struct {
	Service checkServiceCommand `cmd:"" help:"Check the worker on this instance: is it alive, and does it take jobs?"`
	Type    checkTypeCommand    `cmd:"" help:"Check a content type: do its jobs progress?"`
}

// plugin holds the flags of every check.
type plugin struct {
	Timeout int `default:"8" help:"Seconds after which the check reports UNKNOWN. check_nrpe gives up after 10."`
}

// Validate is called by kong.
func (p plugin) Validate() error {
	if p.Timeout < 1 {
		return fmt.Errorf("--timeout %d: want at least 1 second", p.Timeout)
	}
	return nil
}

// verdict is the result of a check.
type verdict struct {
	subject string // the worker or the content type that was checked
	state   nagios.State
	text    string
	metrics []nagios.Metric
}

// print writes the line of output and returns the exit status as an error: nil for OK.
func (v verdict) print(w io.Writer) error {
	if _, err := fmt.Fprintln(w, nagios.Line(v.subject, v.state, v.text, v.metrics)); err != nil {
		return err
	}
	if v.state == nagios.OK {
		return nil
	}
	return exitStatus(v.state)
}

// unknown is the result of a check that failed itself.
func unknown(subject string, err error) verdict {
	return verdict{subject: subject, state: nagios.Unknown, text: explain(err)}
}

// printUnknown reports a command line that cannot be read.
func printUnknown(w io.Writer, err error) nagios.State {
	_ = unknown("worker", fmt.Errorf("%w (worker check --help lists what there is)", err)).print(w) // the exit status carries the state as well
	return nagios.Unknown
}

// overrun is the time that a check has after its timeout to report the step that did not end. A check that ignores its context is left
// behind then.
const overrun = 500 * time.Millisecond

// answer runs ask and prints its result, or UNKNOWN if there is none within the timeout. It recovers from a panic, since Go would end the
// process with status 2, which is CRITICAL.
func (p plugin) answer(ctx context.Context, w io.Writer, subject string, ask func(context.Context) (verdict, error)) error {
	limit := time.Duration(p.Timeout) * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers := make(chan verdict, 1)
	go func() { // if it hangs, it ends with the process
		defer func() {
			if bug := recover(); bug != nil {
				answers <- unknown(subject, fmt.Errorf("a bug in this check: %v", bug))
			}
		}()
		v, err := ask(ctx)
		if err != nil {
			v = unknown(subject, err)
		}
		v.subject = subject
		answers <- v
	}()
	select {
	case v := <-answers:
		return v.print(w)
	case <-time.After(limit + overrun):
		return unknown(subject, fmt.Errorf("no answer within %s (--timeout)", limit)).print(w)
	}
}

// limits maps the name of a figure to the range in which it should be.
type limits map[string]nagios.Range

// UnmarshalText adds the ranges of one flag, such as "ready=5000;dead=~:". The flag may be given several times.
func (l *limits) UnmarshalText(text []byte) error {
	if *l == nil {
		*l = limits{}
	}
	for one := range strings.SplitSeq(string(text), ";") {
		name, bounds, _ := strings.Cut(one, "=")
		parsed, err := nagios.ParseRange(bounds)
		if err != nil {
			return fmt.Errorf("%q: after the name of a figure and =, %w", one, err)
		}
		(*l)[name] = parsed
	}
	return nil
}

// of returns the range of a figure, or nil if it has none.
func (l limits) of(figure string) *nagios.Range {
	if found, ok := l[figure]; ok {
		return &found
	}
	return nil
}

// figure is a number that a check measured.
type figure struct {
	name  string
	unit  string // s: seconds, c: a counter, "": a number of things
	value float64
	most  *float64 // the largest value that is possible; nil: unlimited
	text  string   // reported if the value is out of its range
}

// judge compares each figure with its ranges. The text lists the figures out of their ranges, CRITICAL ones first and otherwise in the
// order of figures, and ends with rest.
func judge(figures []figure, warning, critical limits, rest string) verdict {
	v := verdict{state: nagios.OK}
	texts := map[nagios.State][]string{}
	for _, f := range figures {
		m := nagios.Metric{Label: f.name, Value: f.value, Unit: f.unit, Warning: warning.of(f.name), Critical: critical.of(f.name), Min: new(0.0), Max: f.most}
		v.metrics = append(v.metrics, m)
		state := nagios.OK
		switch {
		case m.Critical != nil && m.Critical.Alerts(f.value):
			state = nagios.Critical
		case m.Warning != nil && m.Warning.Alerts(f.value):
			state = nagios.Warning
		}
		v.state = max(v.state, state)
		texts[state] = append(texts[state], f.text)
	}
	v.text = strings.Join(append(append(texts[nagios.Critical], texts[nagios.Warning]...), rest), "; ")
	return v
}
