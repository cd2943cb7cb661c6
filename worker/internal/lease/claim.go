package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// Claimer turns messages into claims.
type Claimer struct {
	Store       Store
	Blobs       Blobs // nil: payloads of any length stand in the item
	Clock       Clock
	Rand        *rand.Rand // source of the nonces
	ContentType string
	Worker      string // instance id; the visible part of an owner
	Timing      contract.Timing
	Log         *slog.Logger // required with Blobs

	unsettled map[job.Key]string // owners of claims that were given up before their outcome was known
}

// Claimed is a job that this worker holds from now on.
type Claimed struct {
	Job      job.Job
	Deadline time.Duration // of the lease, on the monotonic clock
}

// RejectedError says that a message can never become a job: it belongs into the dead-letter queue.
type RejectedError struct{ Reason string }

func (e *RejectedError) Error() string { return "message rejected: " + e.Reason }

// LaterError says that a job can be claimed later, or by another worker: Bell is to be sent, to be received
// after In, in place of the message.
type LaterError struct {
	Bell job.Bell
	In   time.Duration
	Why  string
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("job %s: %s: try again in %s", e.Bell.ID, e.Why, e.In)
}

// Take claims the job that a message announces. With a nil error the message has done its work and is
// to be deleted, whether a job came of it or not (nil: the job is taken, over or paused). A
// *RejectedError and a *LaterError say what becomes of the message; any other error means that the table
// or the bucket could not be asked: keep the message.
func (c *Claimer) Take(ctx context.Context, m queue.Message) (*Claimed, error) {
	parsed, err := job.ParseMessage(m.Body)
	if err != nil {
		return nil, &RejectedError{err.Error()}
	}
	a := asked{owner: c.owner(), submission: parsed.Submission}
	now := c.Clock.Now()
	if parsed.Bell != nil {
		a.key, a.tried = job.Key{ContentType: c.ContentType, ID: parsed.Bell.ID}, parsed.Bell.Epoch
		return c.claim(ctx, a, job.ClaimReady(a.key, a.tried, a.owner, c.Timing.Lease, now))
	}
	id := parsed.Submission.ID
	if id == "" {
		id = m.ID
	}
	a.key, a.tried = job.Key{ContentType: c.ContentType, ID: id}, noEpoch
	item, err := c.spill(ctx, a.key, parsed.Submission)
	if err != nil {
		return nil, err
	}
	if item != nil {
		return c.exists(ctx, a, item)
	}
	return c.claim(ctx, a, job.ClaimSubmission(a.key, *parsed.Submission, a.owner, c.Timing.Lease, now))
}

// asked is what a message asks for, and how far its claim is.
type asked struct {
	key        job.Key
	owner      string          // of the claim
	submission *job.Submission // nil: a bell
	tried      int64           // epoch at which the job was tried to be taken; noEpoch: to be made
}

// owner is a fresh nonce for each claim attempt, never the worker's name alone: an answer that was lost
// is recognised by it.
func (c *Claimer) owner() string { return fmt.Sprintf("%s/%016x", c.Worker, c.Rand.Uint64()) }

// noEpoch is the epoch of a claim that creates its job.
const noEpoch = -1

// claim tries w, and where that is refused goes on with the item that came back.
func (c *Claimer) claim(ctx context.Context, a asked, w job.Write) (*Claimed, error) {
	for range 4 { // each turn follows an epoch that moved on meanwhile
		stamp := c.Clock.Monotonic()
		item, err := c.settle(ctx, w)
		if err != nil {
			if c.unsettled == nil {
				c.unsettled = map[job.Key]string{}
			}
			c.unsettled[a.key] = a.owner
			return nil, err
		}
		claimed, ready, err := c.follow(ctx, a, item, stamp)
		if ready == nil {
			return claimed, err
		}
		w = c.next(&a, *ready)
	}
	return nil, nil // others are handing this job around; its next bell finds somebody
}

// exists goes on with the item of a submission's id.
func (c *Claimer) exists(ctx context.Context, a asked, item job.Item) (*Claimed, error) {
	claimed, ready, err := c.follow(ctx, a, item, c.Clock.Monotonic())
	if ready == nil {
		return claimed, err
	}
	return c.claim(ctx, a, c.next(&a, *ready))
}

// next claims READY job j.
func (c *Claimer) next(a *asked, j job.Job) job.Write {
	a.tried = j.Epoch
	return job.ClaimReady(a.key, a.tried, a.owner, c.Timing.Lease, c.Clock.Now())
}

// follow says what becomes of a message whose job is as the table answered after stamp. With neither a claim nor an
// error, ready is the job to be tried next; nil: there is nothing to try.
func (c *Claimer) follow(ctx context.Context, a asked, item job.Item, stamp time.Duration) (claimed *Claimed, ready *job.Job, err error) {
	if item == nil { // a bell for a job that does not exist: bells never create
		delete(c.unsettled, a.key)
		return nil, nil, nil
	}
	current, err := job.FromItem(item)
	switch {
	case err != nil:
		return nil, nil, &RejectedError{err.Error()}
	case current.State == job.Running && current.Owner == a.owner:
		delete(c.unsettled, a.key)
		return &Claimed{Job: current, Deadline: stamp + c.Timing.Lease}, nil, nil
	case !current.State.Known():
		return nil, nil, unfit(current)
	}
	c.unspill(ctx, a.submission, current)
	if a.submission != nil {
		if difference := current.Differs(*a.submission); difference != "" {
			return nil, nil, &RejectedError{fmt.Sprintf("id %s is taken: its job (%s, submitted %s) has another %s",
				a.key.ID, current.State, current.CreatedAt.Format(time.RFC3339), difference)}
		}
	}
	orphan := c.unsettled[a.key]
	delete(c.unsettled, a.key)
	if current.State == job.Running && orphan != "" && current.Owner == orphan {
		claimed, err := c.adopt(ctx, current)
		return claimed, nil, err
	}
	if current.State != job.Ready || current.Paused || current.CancelRequested {
		return nil, nil, nil
	}
	switch later := tooEarly(current, c.Clock.Now()); {
	case later != nil && later.In <= queue.MaxDelay:
		return nil, nil, later
	case later != nil || a.tried == current.Epoch: // the sweeper rings at the very time
		return nil, nil, nil
	}
	return nil, &current, nil
}

// adopt takes up an earlier claim of this claimer that was given up and had been applied: nobody works on
// the job, and it would count a crash. The lease begins anew with a heartbeat.
func (c *Claimer) adopt(ctx context.Context, j job.Job) (*Claimed, error) {
	stamp := c.Clock.Monotonic()
	item, err := c.settle(ctx, job.Heartbeat(j.Claim(), c.Clock.Now()))
	if err != nil {
		c.unsettled[j.Key] = j.Owner
		return nil, err
	}
	after, err := job.FromItem(item)
	if err != nil || after.State != job.Running || after.Owner != j.Owner {
		return nil, err // reaped meanwhile
	}
	return &Claimed{Job: after, Deadline: stamp + c.Timing.Lease}, nil
}

// tooEarly says why READY job j is not for this worker now: it is not due yet, or its item is of a newer
// release than this one can read. nil: it is.
func tooEarly(j job.Job, now time.Time) *LaterError {
	switch wait := j.NotBefore.Sub(now); {
	case wait > 0:
		return &LaterError{job.Bell{ID: j.ID, Epoch: j.Epoch}, wait, "it is not due yet"}
	case j.Schema > contract.Schema:
		return unfit(j)
	}
	return nil
}

// unfit passes on the bell of a job whose item only a newer release can read.
func unfit(j job.Job) *LaterError {
	why := fmt.Sprintf("its item has schema %d, this release reads up to %d", j.Schema, contract.Schema)
	return &LaterError{job.Bell{ID: j.ID, Epoch: j.Epoch}, unfitDelay, why}
}

// settle does a write until its outcome is known and returns the item after it: ours, or, where it was
// refused, as it is. A claim of unknown outcome is never dropped: it may have been applied, or be
// applied much later, and then nobody would know who holds the job.
func (c *Claimer) settle(ctx context.Context, w job.Write) (job.Item, error) {
	limit := c.Clock.Monotonic() + c.Timing.Lease/2
	for {
		call, cancel := c.Clock.WithTimeout(ctx, callLimit(c.Timing))
		item, err := c.Store.Write(call, w)
		refused, isRefused := errors.AsType[*job.RefusedError](err)
		if isRefused {
			item, err = refused.Current, nil
			if item == nil { // some endpoints leave the item out
				item, err = c.Store.Get(call, w.Key)
			}
		}
		cancel()
		if err == nil {
			return item, nil
		}
		if c.Clock.Monotonic() >= limit || ctx.Err() != nil {
			return nil, err
		}
		if c.Clock.Sleep(ctx, pause(c.Rand, 0, c.Timing.Lease/20)) != nil {
			return nil, err
		}
	}
}

// longestPause is the longest pause before a failed call or job is tried again.
const longestPause = 15 * time.Minute

// pause draws the pause after a failure that followed n others; first is the longest after the first of them.
func pause(r *rand.Rand, n int64, first time.Duration) time.Duration {
	return backoff.Pauses{First: first, Most: longestPause}.After(n, r)
}
