package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// erasePoll is the pause between two looks at jobs that are to stop.
const erasePoll = 2 * time.Second

type eraseCommand struct {
	target `embed:""`
	Tenant string        `required:"" help:"The tenant, exactly as its submissions name it."`
	DryRun bool          `help:"Count the jobs and change nothing."`
	Wait   time.Duration `default:"10m" help:"How long RUNNING jobs may take to stop."`
	Yes    bool          `short:"y" help:"Do not ask."`
	JSON   bool          `help:"Print {tenant, found, erased, objects, left} as JSON."`
}

// Help is what --help prints beside the flags.
func (c *eraseCommand) Help() string {
	return `Stop the tenant's producers first: a job that is submitted meanwhile may be missed.
The command ends the tenant's jobs of this content type, deletes their payloads and cursors from the bucket, and removes tenant, payload, cursor, progress and last error from their items.
The id of each job stays for up to 30 days, so that a late duplicate of its message does not run the job again. The command can be repeated: it goes on where it was interrupted.
It reads the whole table, with your own credentials.

Not erased: what processors wrote (artifacts, other systems), the log, messages in the queue and in the dead-letter queue (up to 14 days each), backups of the table (point-in-time recovery, 35 days), and other content types.`
}

// eraseView is the result as it is printed for machines.
type eraseView struct {
	Tenant  string            `json:"tenant"`
	DryRun  bool              `json:"dryRun,omitempty"`
	Found   map[job.State]int `json:"found"` // jobs, as they were at first
	Erased  int               `json:"erased"`
	Objects int               `json:"objects"` // that were deleted from the bucket
	Left    []problems        `json:"left"`
}

func (c *eraseCommand) Run(ctx context.Context, e *env) error {
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	keys, found, err := c.find(ctx, e, p)
	if err != nil {
		return err
	}
	view := eraseView{Tenant: c.Tenant, DryRun: c.DryRun, Found: found, Left: []problems{}}
	if len(keys) > 0 && !c.DryRun {
		if !c.Yes {
			question := fmt.Sprintf("end and erase %s of tenant %s in %s (%s)? This cannot be undone.", operator.Plural(len(keys), "job"), c.Tenant, c.Type, counts(found))
			if err := operator.AtTerminal(e.err.To).Agree(question); err != nil {
				return err
			}
		}
		c.eraseAll(ctx, p, keys, &view)
	}
	if c.JSON {
		err = e.out.JSON(view)
	} else {
		err = e.out.Line("%s", view.text(c.Type))
	}
	for _, left := range view.Left {
		e.err.Line("worker: %s", left.Error)
	}
	if err == nil && len(view.Left) > 0 {
		e.err.Line("worker: not everything is erased: run the command again")
		err = errReported
	}
	return err
}

func (v eraseView) text(contentType string) string {
	total := 0
	for _, n := range v.Found {
		total += n
	}
	switch text := fmt.Sprintf("tenant %s has %s in %s", v.Tenant, operator.Plural(total, "job"), contentType); {
	case total == 0:
		return text
	case v.DryRun:
		return fmt.Sprintf("%s: %s; nothing was changed", text, counts(v.Found))
	default:
		return fmt.Sprintf("%s: %s; %d erased, %s deleted", text, counts(v.Found), v.Erased, operator.Plural(v.Objects, "object"))
	}
}

// counts lists how many jobs are in which state: "3 DONE, 1 DEAD".
func counts(found map[job.State]int) string {
	var parts []string
	for _, s := range []job.State{job.Running, job.Ready, job.Dead, job.Done, job.Cancelled} {
		if n := found[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

// find scans for the tenant's jobs. The tenant is in no index: each change of a job's state would pay for one, and nobody
// else asks for it.
func (c *eraseCommand) find(ctx context.Context, e *env, p *typeHandles) ([]job.Key, map[job.State]int, error) {
	if c.Tenant == "" {
		return nil, nil, errors.New("--tenant is empty: name the tenant")
	}
	meter := &store.Meter{}
	jobs, _, err := scanner{p.lister(e, filter{Tenant: c.Tenant}, meter), dynamodb.NewFromConfig(p.cfg), p.table, meter}.page(ctx, pageToken{}, math.MaxInt)
	if err != nil {
		return nil, nil, err
	}
	found := map[job.State]int{}
	keys := make([]job.Key, len(jobs))
	for i, j := range jobs {
		keys[i] = j.Key
		found[j.State]++
	}
	return keys, found, nil
}

// eraseAll erases one job after the other. At first all are told to stop, so that those that run do so side by side.
func (c *eraseCommand) eraseAll(ctx context.Context, p *typeHandles, keys []job.Key, view *eraseView) {
	for until := time.Now().Add(c.Wait); ; {
		var running []job.Key
		for _, key := range keys {
			over, err := c.erase(ctx, p, key, view)
			switch {
			case err != nil:
				view.Left = append(view.Left, problems{key.ID, fmt.Sprintf("job %s: %s", key.ID, explain(err))})
			case !over:
				running = append(running, key)
			}
		}
		left := time.Until(until)
		if len(running) == 0 || left <= 0 {
			for _, key := range running {
				view.Left = append(view.Left, problems{key.ID, fmt.Sprintf("job %s still runs, and was asked to stop", key.ID)})
			}
			return
		}
		time.Sleep(min(left, erasePoll))
		keys = running
	}
}

// erase ends a job and erases it. over: it is erased; otherwise its holder was asked to end it.
func (c *eraseCommand) erase(ctx context.Context, p *typeHandles, key job.Key, view *eraseView) (over bool, err error) {
	for range 10 { // a job takes three steps at most, unless others move it
		j, err := p.get(ctx, key)
		if err != nil {
			return false, err
		}
		switch {
		case j == nil || j.Tenant == "":
			return true, nil // it has expired, or another such command was here
		case j.Schema > contract.Schema:
			return false, fmt.Errorf("its item has schema %d, this release reads up to %d: use the worker of the newer release", j.Schema, contract.Schema)
		case j.State == job.Running && j.CancelRequested:
			return false, nil
		case slices.Contains(unfinished, j.State):
			err = p.step(ctx, *j, func(j job.Job, now time.Time) job.Write { return job.Cancel(j.Key, &j, now) })
		case j.State == job.Dead:
			err = p.step(ctx, *j, job.GiveUp)
		default:
			return true, c.eraseEnded(ctx, p, *j, view)
		}
		if err != nil && !errors.Is(err, errMoved) {
			return false, err
		}
	}
	return false, errors.New("it keeps moving: it was not erased")
}

// eraseEnded deletes the objects of a job that is over, and erases its item at last: until then a repeated command finds it.
func (c *eraseCommand) eraseEnded(ctx context.Context, p *typeHandles, j job.Job, view *eraseView) error {
	refs, err := p.objects.List(ctx, contract.SpillPrefix(j.ContentType, j.ID))
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := p.objects.Delete(ctx, ref); err != nil {
			return err
		}
		view.Objects++
	}
	if err := p.step(ctx, j, job.Erase); err != nil {
		return err
	}
	view.Erased++
	return nil
}

// errMoved says that a job's state is no longer the one that was seen.
var errMoved = errors.New("the job moved meanwhile")

// step changes a job that is still in the state in which it was seen.
func (p *typeHandles) step(ctx context.Context, seen job.Job, write func(job.Job, time.Time) job.Write) error {
	_, err := p.change(ctx, seen.Key, verb{write: func(_ job.Key, j *job.Job) (job.Write, error) {
		if j == nil || j.State != seen.State {
			return job.Write{}, errMoved
		}
		return write(*j, time.Now()), nil
	}})
	return err
}
