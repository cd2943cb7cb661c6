package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

type tailCommand struct {
	target `embed:""`
	Tenant string        `help:"Only jobs of this tenant."`
	Every  time.Duration `default:"2s" help:"Time between two looks at the table, at least 1s."`
	For    time.Duration `help:"End after this time. Default: with Ctrl-C."`
	JSON   bool          `help:"Print a JSON object {at, event, job} per line."`
}

// Help is shown by 'worker jobs tail --help'.
func (c *tailCommand) Help() string {
	return "Prints a line when a job starts, moves, goes back or ends. A job that starts and ends between two looks is not seen. Each look queries the index for RUNNING jobs and reads those: the cost is printed at the end."
}

// tailView is a line for machines.
type tailView struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"` // "runs", "moves" or the state that follows RUNNING
	Job   jobView   `json:"job"`
}

func (c *tailCommand) Run(ctx context.Context, e *env) error {
	if c.Every < time.Second {
		return fmt.Errorf("--every %s: want at least 1s", c.Every)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	meter := &store.Meter{}
	t := tail{lister: p.lister(e, filter{State: []job.State{job.Running}, Tenant: c.Tenant}, meter), print: c.printer(e)}
	looks := 0
	for {
		err := t.look(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		looks++
		select {
		case <-time.After(c.Every):
		case <-ctx.Done():
		}
	}
	e.err.Line("%s, %s", operator.Plural(looks, "look"), costOf(meter))
	return nil
}

func (c *tailCommand) printer(e *env) func(string, job.Job) error {
	lines := plainjson.NewEncoder(e.out.To)
	return func(event string, j job.Job) error {
		if c.JSON {
			return lines.Encode(tailView{time.Now().UTC(), event, viewOf(j)})
		}
		err := e.out.Line("%s %s %s", time.Now().Format(time.TimeOnly), j.ID, sentence(event, j))
		return err
	}
}

// sentence tells an event in words.
func sentence(event string, j job.Job) string {
	progress := viewOf(j).progress()
	switch event {
	case "runs":
		return fmt.Sprintf("runs on %s, at %s", j.Owner, progress)
	case "moves":
		return fmt.Sprintf("is at %s", progress)
	case string(job.Ready):
		return fmt.Sprintf("is READY again at %s: %s", progress, cmp.Or(j.LastError, "handed back"))
	}
	if j.LastError != "" && j.State != job.Done { // what once went wrong is over
		return fmt.Sprintf("%s: %s", event, j.LastError)
	}
	return event
}

// tail knows what was last seen of the jobs that run.
type tail struct {
	lister
	print func(event string, j job.Job) error
	seen  map[string]job.Job
}

// look reads the jobs that run and those that no longer do, and prints what changed.
func (t *tail) look(ctx context.Context) error {
	running, _, err := t.page(ctx, pageToken{}, math.MaxInt)
	if err != nil {
		return err
	}
	now := map[string]job.Job{}
	var events []error
	for _, j := range running {
		before, known := t.seen[j.Key.String()]
		now[j.Key.String()] = j
		switch {
		case !known || before.Epoch != j.Epoch:
			events = append(events, t.print("runs", j))
		case before.Done != j.Done:
			events = append(events, t.print("moves", j))
		}
	}
	maps.DeleteFunc(t.seen, func(key string, _ job.Job) bool { _, runs := now[key]; return runs })
	gone, err := t.store.BatchGet(ctx, slices.Sorted(maps.Keys(t.seen)))
	if err != nil {
		return err
	}
	for _, item := range gone {
		j, err := job.FromItem(item)
		switch {
		case err != nil:
			t.unreadable(err)
		case j.State == job.Running: // it stood in the index by its old state: the next look shows it
			now[j.Key.String()] = t.seen[j.Key.String()]
		default:
			events = append(events, t.print(string(j.State), j))
		}
	}
	t.seen = now
	return errors.Join(events...)
}
