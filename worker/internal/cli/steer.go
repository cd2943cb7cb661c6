package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

type (
	cancelCommand struct {
		one `embed:""`
	}
	pauseCommand struct {
		one `embed:""`
	}
	resumeCommand struct {
		one `embed:""`
	}
	redriveCommand struct {
		one `embed:""`
	}
)

func (c *cancelCommand) Run(ctx context.Context, e *env) error {
	return c.change(ctx, e, false, func(j *job.Job) (job.Write, error) {
		if j != nil && j.State.Terminal() {
			return job.Write{}, fmt.Errorf("job %s is %s already", c.ID, j.State)
		}
		return job.Cancel(c.key(), j, time.Now()), nil
	})
}

func (c *pauseCommand) Run(ctx context.Context, e *env) error {
	return c.changeExisting(ctx, e, false, func(j *job.Job) (job.Write, error) {
		return job.Pause(*j, time.Now()), needs(j, "paused", job.Ready, job.Running)
	})
}

func (c *resumeCommand) Run(ctx context.Context, e *env) error {
	return c.changeExisting(ctx, e, true, func(j *job.Job) (job.Write, error) {
		return job.Resume(*j, time.Now()), needs(j, "resumed", job.Ready, job.Running)
	})
}

func (c *redriveCommand) Run(ctx context.Context, e *env) error {
	return c.changeExisting(ctx, e, true, func(j *job.Job) (job.Write, error) {
		return job.Redrive(*j, time.Now()), needs(j, "redriven", job.Dead)
	})
}

// needs refuses a change that makes no sense in the job's state.
func needs(j *job.Job, done string, states ...job.State) error {
	if slices.Contains(states, j.State) {
		return nil
	}
	return fmt.Errorf("job %s is %s: only a job that is %v can be %s", j.ID, j.State, states, done)
}

func (o one) changeExisting(ctx context.Context, e *env, ring bool, build func(*job.Job) (job.Write, error)) error {
	return o.change(ctx, e, ring, func(j *job.Job) (job.Write, error) {
		if j == nil {
			return job.Write{}, noJob(o.key())
		}
		return build(j)
	})
}

// change writes what build makes of the job as it is, looking again while others move it. Only a cancel
// takes a job that does not exist.
func (o one) change(ctx context.Context, e *env, ring bool, build func(*job.Job) (job.Write, error)) error {
	if err := job.CheckID(o.ID); err != nil {
		return err
	}
	p, err := o.open(ctx)
	if err != nil {
		return err
	}
	for range 10 {
		j, err := p.get(ctx, o.key())
		if err != nil {
			return err
		}
		w, err := build(j)
		if err != nil {
			return err
		}
		item, err := p.store.Write(ctx, w)
		if _, refused := errors.AsType[*job.RefusedError](err); refused {
			continue
		}
		if err != nil {
			return err
		}
		after, err := job.FromItem(item)
		if err != nil {
			return err
		}
		if ring && after.State == job.Ready {
			if err := p.ring(ctx, after); err != nil {
				return err
			}
		}
		return o.print(e, after)
	}
	return fmt.Errorf("job %s keeps moving: nothing was changed, try again", o.ID)
}
