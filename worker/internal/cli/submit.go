package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

type submitCommand struct {
	target      `embed:""`
	ID          string  `help:"Id of the job; the same submission again changes nothing, another one with this id is refused. Default: a new one."`
	Tenant      string  `help:"Whose job it is; kept with the job."`
	Payload     string  `xor:"payload" required:"" help:"Payload as JSON."`
	PayloadFile string  `xor:"payload" required:"" type:"existingfile" help:"File with the payload as JSON."`
	From        string  `xor:"payload" required:"" placeholder:"FILE" help:"File with a {\"id\"?, \"tenant\"?, \"payload\"} as JSON per line, - for standard input. The same file again submits what is missing."`
	Rate        float64 `help:"With --from: at most so many jobs a second."`
	Follow      bool    `short:"f" help:"Watch the job to its end; exit status 1 unless it is DONE."`
	JSON        bool    `help:"Print the result as JSON."`
}

// Validate is called by kong.
func (c *submitCommand) Validate() error {
	switch {
	case c.From != "" && (c.ID != "" || c.Tenant != "" || c.Follow):
		return errors.New("--from takes ids and tenants from its file, and follows nothing")
	case c.From == "" && c.Rate != 0:
		return errors.New("--rate goes with --from")
	case c.Rate < 0:
		return errors.New("--rate: want a number of jobs a second")
	}
	return nil
}

func (c *submitCommand) Run(ctx context.Context, e *env) error {
	if c.From != "" {
		return c.fromFile(ctx, e)
	}
	submission, err := c.submission()
	if err != nil {
		return err
	}
	p, err := c.open(ctx)
	if err != nil {
		return err
	}
	j, created, err := p.submit(ctx, submission)
	if err != nil {
		return err
	}
	if !created {
		e.err.Line("job %s exists already (%s, submitted %s): nothing was changed", j.ID, j.State, j.CreatedAt.Local().Format(time.DateTime))
	}
	if c.JSON && !c.Follow {
		return e.out.JSON(viewOf(j))
	}
	if !c.JSON {
		if err := e.out.Line("%s", j.ID); err != nil {
			return err
		}
	}
	if !c.Follow {
		return nil
	}
	return p.followTo(ctx, e, j.Key, c.JSON)
}

func (c *submitCommand) submission() (job.Submission, error) {
	s := job.Submission{ID: c.ID, Tenant: c.Tenant, Payload: json.RawMessage(c.Payload)}
	if c.PayloadFile != "" {
		text, err := os.ReadFile(c.PayloadFile)
		if err != nil {
			return s, fmt.Errorf("payload: %w", err)
		}
		s.Payload = bytes.TrimSpace(text) // as it would come in a message
	}
	if s.ID == "" {
		s.ID = newID()
	}
	return s, s.Check()
}

// newID is a job id that sorts by the time it was made.
func newID() string {
	return time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:8])
}

// submit writes the item first (a large payload before it), then rings; an item that exists is success and, if READY, is rung too.
func (p *typeHandles) submit(ctx context.Context, s job.Submission) (j job.Job, created bool, err error) {
	key := job.Key{ContentType: p.contentType, ID: s.ID}
	item, created, err := p.create(ctx, key, &s)
	if err != nil {
		return job.Job{}, false, err
	}
	if j, err = job.FromItem(item); err != nil {
		return job.Job{}, false, err
	}
	if !created {
		if difference := j.Differs(s); difference != "" {
			return j, false, &takenError{j, difference}
		}
	}
	if j.State == job.Ready && !j.Paused {
		err = p.ring(ctx, j)
	}
	return j, created, err
}

// takenError says that an id belongs to a job that was submitted otherwise.
type takenError struct {
	job        job.Job
	difference string
}

func (e *takenError) Error() string {
	return fmt.Sprintf("id %s is taken: its job (%s, submitted %s) has another %s. Nothing was changed: submit with another id",
		e.job.ID, e.job.State, e.job.CreatedAt.Local().Format(time.DateTime), e.difference)
}

// create makes the item of a submission, or returns the one that is there. A large payload is written only for a new job.
func (p *typeHandles) create(ctx context.Context, key job.Key, s *job.Submission) (item job.Item, created bool, err error) {
	if len(s.Payload) > job.InlinePayload {
		if item, err := p.store.Get(ctx, key.String()); err != nil || item != nil {
			return item, false, err
		}
		if err := lease.Spill(ctx, p.objects, key, s); err != nil {
			return nil, false, err
		}
	}
	w := job.Submit(key, *s, time.Now())
	item, err = p.store.Write(ctx, w)
	refused, exists := errors.AsType[*job.RefusedError](err)
	if !exists {
		return item, err == nil, err
	}
	if refused.Current == nil {
		item, err = p.store.Get(ctx, key.String())
		return item, false, err
	}
	return refused.Current, w.Left(refused.Current), nil
}

func (p *typeHandles) ring(ctx context.Context, j job.Job) error {
	if err := p.queue.Send(ctx, job.Bell{ID: j.ID, Epoch: j.Epoch}.JSON(), 0); err != nil {
		return fmt.Errorf("job %s is in the table, but its bell was not sent; the workers find it within %s: %w", j.ID, job.RingDelay(0), err)
	}
	return nil
}
