package lease

import (
	"context"
	"errors"
	"fmt"
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
	owner := c.owner()
	now := c.Clock.Now()
	if parsed.Bell != nil {
		key := job.Key{ContentType: c.ContentType, ID: parsed.Bell.ID}
		return c.claim(ctx, key, owner, parsed.Bell.Epoch, job.ClaimReady(key, parsed.Bell.Epoch, owner, c.Timing.Lease, now))
	}
	id := parsed.Submission.ID
	if id == "" {
		id = m.ID
	}
	key := job.Key{ContentType: c.ContentType, ID: id}
	if err := c.spill(ctx, key, parsed.Submission); err != nil {
		return nil, err
	}
	return c.claim(ctx, key, owner, noEpoch, job.ClaimSubmission(key, *parsed.Submission, owner, c.Timing.Lease, now))
}

// owner is a fresh nonce for each claim attempt, never the worker's name alone: an answer that was lost
// is recognised by it.
func (c *Claimer) owner() string { return fmt.Sprintf("%s/%016x", c.Worker, c.Rand.Uint64()) }

// noEpoch is the epoch of a claim that creates its job.
const noEpoch = -1

// claim tries w, which takes the job at epoch tried, and where that is refused goes on with the item that
// came back.
func (c *Claimer) claim(ctx context.Context, key job.Key, owner string, tried int64, w job.Write) (*Claimed, error) {
	stamp := c.Clock.Monotonic()
	for range 4 { // each turn follows an epoch that moved on meanwhile
		item, err := c.settle(ctx, w)
		if err != nil {
			if c.unsettled == nil {
				c.unsettled = map[job.Key]string{}
			}
			c.unsettled[key] = owner
			return nil, err
		}
		orphan := c.unsettled[key]
		delete(c.unsettled, key)
		if item == nil {
			return nil, nil // a bell for a job that does not exist: bells never create
		}
		current, err := job.FromItem(item)
		if err != nil {
			return nil, &RejectedError{err.Error()}
		}
		if current.State == job.Running && current.Owner == owner {
			return &Claimed{Job: current, Deadline: stamp + c.Timing.Lease}, nil
		}
		if current.State == job.Running && orphan != "" && current.Owner == orphan {
			return c.adopt(ctx, current)
		}
		if current.State != job.Ready || current.Paused || current.CancelRequested {
			return nil, nil
		}
		stamp = c.Clock.Monotonic()
		now := c.Clock.Now()
		later := tooEarly(current, now)
		switch {
		case later != nil && later.In <= queue.MaxDelay:
			return nil, later
		case later != nil || tried == current.Epoch: // the sweeper rings at the very time
			return nil, nil
		}
		tried = current.Epoch
		w = job.ClaimReady(key, tried, owner, c.Timing.Lease, now)
	}
	return nil, nil // others are handing this job around; its next bell finds somebody
}

// adopt takes up an earlier claim of this claimer that was given up and had been applied: nobody works on
// the job, and it would count a crash. The lease begins anew with a beat.
func (c *Claimer) adopt(ctx context.Context, j job.Job) (*Claimed, error) {
	stamp := c.Clock.Monotonic()
	item, err := c.settle(ctx, job.Beat(j.Claim(), c.Clock.Now()))
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
	bell := job.Bell{ID: j.ID, Epoch: j.Epoch}
	switch wait := j.NotBefore.Sub(now); {
	case wait > 0:
		return &LaterError{bell, wait, "it is not due yet"}
	case j.Schema > contract.Schema:
		return &LaterError{bell, unfitDelay, fmt.Sprintf("its item has schema %d, this release reads up to %d", j.Schema, contract.Schema)}
	}
	return nil
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
