package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

const (
	followInterval = 500 * time.Millisecond
	lineInterval   = 5 * time.Second // between progress lines where there is no terminal
)

// followTo watches a job to its end: a bar on a terminal, lines elsewhere; the result as JSON if wanted.
func (p *pool) followTo(ctx context.Context, e *env, key job.Key, asJSON bool) error {
	show := lines(e.err)
	if f, ok := e.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
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
		if err := operator.PrintJSON(e.out, viewOf(j)); err != nil {
			return err
		}
	}
	if j.State == job.Done {
		return nil
	}
	if j.LastError != "" {
		fmt.Fprintf(e.err, "job %s is %s: %s\n", j.ID, j.State, j.LastError)
	} else {
		fmt.Fprintf(e.err, "job %s is %s\n", j.ID, j.State)
	}
	return errReported
}

// lines prints a line whenever the state changes, and one every lineInterval.
func lines(w io.Writer) func(job.Job) {
	var last job.State
	var at time.Time
	return func(j job.Job) {
		if j.State == last && time.Since(at) < lineInterval {
			return
		}
		last, at = j.State, time.Now()
		v := viewOf(j)
		fmt.Fprintf(w, "%s %s %s %s\n", at.Format(time.TimeOnly), j.ID, v.status(), v.progress())
	}
}

// bar draws one progress bar; where the total is not known yet, a spinner.
func bar(w io.Writer) func(job.Job) {
	b, unit := newBar(w, ""), ""
	return func(j job.Job) {
		if j.Unit != unit {
			_ = b.Clear() // a bar that cannot be drawn is no reason to stop
			b, unit = newBar(w, j.Unit), j.Unit
		}
		if j.Total > 0 {
			b.ChangeMax64(j.Total)
		}
		b.Describe(fmt.Sprintf("%s %s", j.ID, viewOf(j).status()))
		_ = b.Set64(j.Done)
		if j.State.Terminal() {
			_ = b.Exit()
			fmt.Fprintf(w, "\n%s %s %s\n", j.ID, j.State, viewOf(j).progress())
		}
	}
}

// newBar is a bar that draws only when it is told something: its own ticker would draw between what is printed beside it, and
// would go on drawing a bar that another has replaced.
func newBar(w io.Writer, unit string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionShowBytes(unit == "bytes"),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
}
