package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

const (
	followInterval = 500 * time.Millisecond
	lineInterval   = 5 * time.Second // between progress lines where there is no terminal
)

// followTo watches a job to its end: a bar on a terminal, lines elsewhere; the result as JSON if wanted.
func (p *typeHandles) followTo(ctx context.Context, e *env, key job.Key, asJSON bool) error {
	show := lines(e.err)
	if e.err.Terminal() {
		show = bar(e.err)
	}
	for {
		j, err := p.mustGet(ctx, key)
		if err != nil {
			return err
		}
		show(j)
		if j.State.Terminal() {
			return conclude(e, j, asJSON)
		}
		select {
		case <-time.After(followInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func conclude(e *env, j job.Job, asJSON bool) error {
	if asJSON {
		if err := e.out.JSON(viewOf(j)); err != nil {
			return err
		}
	}
	if j.State == job.Done {
		return nil
	}
	if j.LastError != "" {
		e.err.Line("job %s is %s: %s", j.ID, j.State, j.LastError)
	} else {
		e.err.Line("job %s is %s", j.ID, j.State)
	}
	return errReported
}

// lines prints a line whenever the state changes, and one every lineInterval.
func lines(to operator.Printer) func(job.Job) {
	var last job.State
	var at time.Time
	return func(j job.Job) {
		if j.State == last && time.Since(at) < lineInterval {
			return
		}
		last, at = j.State, time.Now()
		v := viewOf(j)
		to.Line("%s %s %s %s", at.Format(time.TimeOnly), j.ID, v.status(), v.progress())
	}
}

// bar draws one progress bar; where the total is not known yet, a spinner.
func bar(to operator.Printer) func(job.Job) {
	b, unit := newBar(to.To, ""), ""
	return func(j job.Job) {
		if j.Unit != unit {
			_ = b.Clear() // a bar that cannot be drawn is no reason to stop
			b, unit = newBar(to.To, j.Unit), j.Unit
		}
		if j.Total > 0 {
			b.ChangeMax64(j.Total)
		}
		b.Describe(operator.OneLine(fmt.Sprintf("%s %s", j.ID, viewOf(j).status())))
		_ = b.Set64(j.Done)
		if j.State.Terminal() {
			_ = b.Exit()
			_ = to.Lines("", fmt.Sprintf("%s %s %s", j.ID, j.State, viewOf(j).progress()))
		}
	}
}

// newBar is a bar that draws only when it is told something: its own ticker would draw between what is printed beside it, and
// would go on drawing a bar that another has replaced.
func newBar(w io.Writer, unit string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionShowBytes(unit == "bytes"),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
}
