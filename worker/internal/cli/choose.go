package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// chosen are the jobs that a command changes.
type chosen struct {
	target `embed:""`
	filter `embed:""`
	IDs    []string `arg:"" optional:"" name:"id" help:"Ids of jobs."`
	All    bool     `help:"All jobs to which it applies and that the filters leave, instead of ids."`
	Yes    bool     `short:"y" help:"Do not ask."`
	JSON   bool     `help:"Print {changed, unchanged} as JSON."`
}

// changeView is the result as it is printed for machines.
type changeView struct {
	Changed   []jobView  `json:"changed"`
	Unchanged []problems `json:"unchanged"`
}

type problems struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// verb is a change of jobs.
type verb struct {
	does  string      // "cancel"
	done  string      // "cancelled"
	of    []job.State // to which it applies
	asks  bool        // of a single job too; of many at once every verb asks
	rings bool        // a job that is READY after it wants its bell
	write func(job.Key, *job.Job) (job.Write, error)
}

// Validate is called by kong.
func (c *chosen) Validate() error {
	filtered := len(c.State) > 0 || c.Tenant != "" || c.Older != 0 || c.Newer != 0
	switch {
	case c.All == (len(c.IDs) > 0):
		return errors.New("name jobs by their ids, or all of them with --all (which the filters narrow)")
	case filtered && !c.All:
		return errors.New("filters go with --all: a job that is named is meant")
	}
	for _, id := range c.IDs {
		if err := job.CheckID(id); err != nil {
			return err
		}
	}
	return nil
}

// apply shows what will be touched, asks where that is due, and changes one job after the other. A job that
// cannot be changed does not keep the others from it; the exit status then is 1.
func (c *chosen) apply(ctx context.Context, e *env, v verb) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	keys, err := c.choose(ctx, e, p, v)
	if err != nil || len(keys) == 0 {
		return err
	}
	view := changeView{[]jobView{}, []problems{}}
	for _, key := range keys {
		after, err := p.change(ctx, key, v)
		if err != nil {
			view.Unchanged = append(view.Unchanged, problems{key.ID, explain(err)})
			continue
		}
		p.tidy(ctx, after)
		view.Changed = append(view.Changed, viewOf(after))
	}
	if c.JSON {
		if err := e.out.JSON(view); err != nil {
			return err
		}
	} else {
		for _, j := range view.Changed {
			if err := e.out.Line("%s %s", j.ID, j.status()); err != nil {
				return err
			}
		}
	}
	for _, u := range view.Unchanged {
		e.err.Line("worker: %s", u.Error)
	}
	if len(view.Unchanged) > 0 {
		return errReported
	}
	return nil
}

// choose finds the jobs and has the person agree; none and no error: there are none.
func (c *chosen) choose(ctx context.Context, e *env, p *typeHandles, v verb) ([]job.Key, error) {
	keys := make([]job.Key, len(c.IDs))
	for i, id := range c.IDs {
		keys[i] = job.Key{ContentType: c.Type, ID: id}
	}
	asks := !c.Yes && (v.asks || c.All || len(keys) > 1)
	if !c.All && !asks {
		return keys, nil
	}
	jobs, err := c.read(ctx, e, p, v, keys)
	if err != nil {
		return nil, err
	}
	if c.All {
		keys = nil
		for _, j := range jobs {
			keys = append(keys, j.Key)
		}
		if len(keys) == 0 {
			e.err.Line("there are no jobs to %s", v.does)
			return nil, nil
		}
	}
	if !asks {
		return keys, nil
	}
	if err := printTable(e.err, jobs); err != nil {
		return nil, err
	}
	return keys, operator.AtTerminal(e.err.To).Agree(fmt.Sprintf("%s %s of %s?", v.does, operator.Plural(len(keys), "job"), c.Type))
}

// read reads the jobs: those that are named, or all that are meant.
func (c *chosen) read(ctx context.Context, e *env, p *typeHandles, v verb, keys []job.Key) ([]job.Job, error) {
	if !c.All {
		var jobs []job.Job
		for _, key := range keys {
			j, err := p.get(ctx, key)
			if err != nil {
				return nil, err
			}
			if j != nil {
				jobs = append(jobs, *j)
			}
		}
		return jobs, nil
	}
	f := c.filter
	if len(f.State) == 0 {
		f.State = v.of
	}
	for _, s := range f.State {
		if !slices.Contains(v.of, s) {
			return nil, fmt.Errorf("--state %s: only jobs that are %s can be %s", s, orOf(v.of), v.done)
		}
	}
	jobs, _, err := p.lister(e, f, &store.Meter{}).page(ctx, pageToken{}, math.MaxInt)
	return jobs, err
}

// orOf lists states as a person would: "READY or RUNNING".
func orOf(states []job.State) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	return strings.Join(names, " or ")
}
