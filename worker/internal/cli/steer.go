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
	pauseCommand   struct{ chosen }
	resumeCommand  struct{ chosen }
	retryCommand   struct{ chosen }
	redriveCommand struct{ chosen }
)

type cancelCommand struct {
	chosen
	Force bool `help:"Reserve ids of jobs that do not exist: a submission with such an id does nothing for 30 days."`
}

var unfinished = []job.State{job.Ready, job.Running}

func (c *cancelCommand) Run(ctx context.Context, e *env) error {
	return c.apply(ctx, e, c.verb())
}

func (c *cancelCommand) verb() verb {
	return verb{does: "cancel", done: "cancelled", of: unfinished, asks: true, write: func(key job.Key, j *job.Job) (job.Write, error) {
		switch {
		case j == nil && !c.Force:
			return job.Write{}, fmt.Errorf("%w: nothing was changed. --force reserves the id, so that a submission with it does nothing", noJob(key))
		case j != nil && !slices.Contains(unfinished, j.State):
			return job.Write{}, fmt.Errorf("job %s is %s: only a job that is %s can be cancelled", key.ID, j.State, orOf(unfinished))
		}
		return job.Cancel(key, j, time.Now()), nil
	}}
}

func (c *pauseCommand) Run(ctx context.Context, e *env) error {
	return c.apply(ctx, e, existing(verb{does: "pause", done: "paused", of: unfinished}, job.Pause))
}

func (c *resumeCommand) Run(ctx context.Context, e *env) error {
	return c.apply(ctx, e, existing(verb{does: "resume", done: "resumed", of: unfinished, rings: true}, job.Resume))
}

func (c *retryCommand) Run(ctx context.Context, e *env) error {
	v := existing(verb{does: "retry", done: "retried", of: []job.State{job.Ready}, rings: true}, job.Retry)
	write := v.write
	v.write = func(key job.Key, j *job.Job) (job.Write, error) {
		if j != nil && j.Paused {
			return job.Write{}, fmt.Errorf("job %s is paused: 'worker jobs resume' lets it run", key.ID)
		}
		return write(key, j)
	}
	return c.apply(ctx, e, v)
}

func (c *redriveCommand) Run(ctx context.Context, e *env) error {
	return c.apply(ctx, e, existing(verb{does: "redrive", done: "redriven", of: []job.State{job.Dead}, rings: true}, job.Redrive))
}

// existing makes v write what write makes of jobs that exist and are in its states.
func existing(v verb, write func(job.Job, time.Time) job.Write) verb {
	v.write = func(key job.Key, j *job.Job) (job.Write, error) {
		switch {
		case j == nil:
			return job.Write{}, noJob(key)
		case !slices.Contains(v.of, j.State):
			return job.Write{}, fmt.Errorf("job %s is %s: only a job that is %s can be %s", key.ID, j.State, orOf(v.of), v.done)
		}
		return write(*j, time.Now()), nil
	}
	return v
}

// change writes what v makes of the job as it is, looking again while others move it.
func (p *typeHandles) change(ctx context.Context, key job.Key, v verb) (job.Job, error) {
	for range 10 {
		j, err := p.get(ctx, key)
		if err != nil {
			return job.Job{}, err
		}
		w, err := v.write(key, j)
		if err != nil {
			return job.Job{}, err
		}
		item, err := p.store.Write(ctx, w)
		if refused, ok := errors.AsType[*job.RefusedError](err); ok {
			if !w.Left(refused.Current) {
				continue
			}
			item, err = refused.Current, nil
		}
		if err != nil {
			return job.Job{}, answered(err, fmt.Sprintf("worker jobs show %s --type %s", key.ID, key.ContentType))
		}
		after, err := job.FromItem(item)
		if err == nil && v.rings && after.State == job.Ready && !after.Paused {
			err = p.ring(ctx, after)
		}
		return after, err
	}
	return job.Job{}, fmt.Errorf("job %s keeps moving: it was not changed, try again", key.ID)
}

// tidy deletes what a job no longer needs that has ended. What the operator may not delete, or cannot, is left to the
// bucket's lifecycle rule: it does not change what became of the job.
func (p *typeHandles) tidy(ctx context.Context, j job.Job) {
	for _, ref := range j.Needless() {
		_ = p.objects.Delete(ctx, ref)
	}
}
