package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// unreadableDelay keeps a job whose objects cannot be read or written from coming straight back.
const unreadableDelay = time.Minute

// Spill writes a payload that is too long for the item, to be done before the write that names it.
func Spill(ctx context.Context, blobs Blobs, key job.Key, s *job.Submission) error {
	if len(s.Payload) <= job.InlinePayload {
		return nil
	}
	ref := job.PayloadRef(key, s.Payload)
	if err := blobs.Put(ctx, ref, s.Payload); err != nil {
		return fmt.Errorf("payload of job %s: %w", key, err)
	}
	s.PayloadRef = ref
	return nil
}

// spill writes the payload of a job that is to be made, if it is too long for the item. It returns the item where the
// job exists already: its payload is not written again.
func (c *Claimer) spill(ctx context.Context, key job.Key, s *job.Submission) (job.Item, error) {
	if c.Blobs == nil || len(s.Payload) <= job.InlinePayload {
		return nil, nil
	}
	call, cancel := c.Clock.WithTimeout(ctx, callLimit(c.Timing))
	defer cancel()
	if item, err := c.Store.Get(call, key.String()); err != nil || item != nil {
		return item, err
	}
	return nil, Spill(call, c.Blobs, key, s)
}

// unspill deletes the payload that was written for a submission whose job, as another claimer made it, has no use for it.
func (c *Claimer) unspill(ctx context.Context, s *job.Submission, made job.Job) {
	if s == nil || s.PayloadRef == "" || made.Schema > contract.Schema { // a newer release may name it in another way
		return
	}
	needed := made.PayloadRef == s.PayloadRef && !slices.Contains(made.Needless(), s.PayloadRef)
	if !needed {
		discard(ctx, disposal{c.Blobs, c.Clock, c.Rand, c.Timing, c.Log}, s.PayloadRef)
	}
}

// load reads what the slot is given of the job, wherever it stands.
func (a *Attempt) load(ctx context.Context) (payload, cursor json.RawMessage, err error) {
	call, cancel := a.Clock.WithTimeout(ctx, callLimit(a.Timing))
	defer cancel()
	payload = a.job.Payload
	if a.job.Cursor != "" {
		cursor = json.RawMessage(a.job.Cursor)
	}
	for _, part := range []struct {
		name, ref string
		into      *json.RawMessage
	}{{"payload", a.job.PayloadRef, &payload}, {"cursor", a.job.CursorRef, &cursor}} {
		if part.ref == "" {
			continue
		}
		content, err := a.read(call, part.ref)
		if err != nil {
			return nil, nil, fmt.Errorf("the job's %s: %w", part.name, err)
		}
		*part.into = content
	}
	return payload, cursor, nil
}

func (a *Attempt) read(ctx context.Context, ref string) ([]byte, error) {
	if a.Blobs == nil {
		return nil, fmt.Errorf("%s: this worker has no artifacts bucket", ref)
	}
	content, err := a.Blobs.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	return content, job.CheckRef(ref, content)
}

// unreadable ends an attempt whose payload or cursor is not to be had. What is gone for good makes the
// job DEAD; anything else is an outage and counts for nothing.
func (a *Attempt) unreadable(ctx context.Context, err error) {
	if errors.Is(err, blob.ErrMissing) {
		a.conclude(ctx, protocol.Outcome{Kind: protocol.Permanent, Error: err.Error()})
		return
	}
	a.conclude(ctx, protocol.Outcome{Kind: protocol.Later, At: a.Clock.Now().Add(unreadableDelay), Error: err.Error()})
}

// checkpoint is the newest unsaved cursor, nil for none, with its object written where it needs one. Its
// number is one that was never tried.
func (a *Attempt) checkpoint(ctx context.Context) (*job.Checkpoint, error) {
	if a.pending == nil {
		return nil, nil
	}
	a.seq++
	cp := &job.Checkpoint{Seq: a.seq, Version: a.pending.Version, Position: job.Position(a.pending.Progress)}
	if a.Blobs == nil || len(a.pending.Cursor) <= job.InlineCursor {
		cp.Cursor = string(a.pending.Cursor)
		return cp, nil
	}
	call, cancel := a.Clock.WithTimeout(ctx, min(callLimit(a.Timing), a.deadline-a.Clock.Monotonic()))
	defer cancel()
	cp.Ref = job.CursorRef(a.claim, a.seq, a.pending.Cursor)
	if err := a.Blobs.Put(call, cp.Ref, a.pending.Cursor); err != nil {
		return nil, err
	}
	return cp, nil
}

// lastCheckpoint is checkpoint at the end of an attempt: it tries as long as the lease leaves time for
// the write that follows.
func (a *Attempt) lastCheckpoint(ctx context.Context) (*job.Checkpoint, error) {
	for n := int64(0); ; n++ {
		cp, err := a.checkpoint(ctx)
		left := a.deadline - callLimit(a.Timing) - a.Clock.Monotonic()
		if err == nil || left <= 0 {
			return cp, err
		}
		if a.Clock.Sleep(ctx, min(pause(a.Rand, n, a.Timing.Lease/50), left)) != nil {
			return nil, err
		}
	}
}

// deleteTries bounds how often the deletion of an object is tried.
const deleteTries = 3

// discard deletes objects that no job needs. One that stays is removed by the bucket's lifecycle rule: nothing waits for
// it, and all tries together take no longer than a call to the table may.
func discard(ctx context.Context, d disposal, refs ...string) {
	if d.blobs == nil || len(refs) == 0 {
		return
	}
	call, cancel := d.clock.WithTimeout(ctx, callLimit(d.timing))
	defer cancel()
	for _, ref := range refs {
		for n := int64(1); ; n++ {
			err := d.blobs.Delete(call, ref)
			if err == nil {
				break
			}
			if n == deleteTries || d.clock.Sleep(call, pause(d.random, n, time.Second)) != nil {
				d.log.Warn("object that is no longer needed not deleted", "object", ref, "error", err.Error())
				break
			}
		}
	}
}

// disposal is what [discard] needs.
type disposal struct {
	blobs  Blobs
	clock  Clock
	random *rand.Rand
	timing contract.Timing
	log    *slog.Logger
}

func (a *Attempt) disposal() disposal { return disposal{a.Blobs, a.Clock, a.Rand, a.Timing, a.log} }

// drop removes the object of a cursor that the item names no longer.
func (a *Attempt) drop(ctx context.Context, ref string) {
	if ref != "" {
		discard(ctx, a.disposal(), ref)
	}
}

// tidy deletes what the job no longer needs, once its end is written: ended is the job after that, as far as it is known.
func (a *Attempt) tidy(ctx context.Context, state job.State, cp *job.Checkpoint) {
	ended := a.job
	ended.State = state
	if cp != nil {
		a.drop(ctx, a.job.CursorRef)
		ended.CursorRef = cp.Ref
	}
	discard(ctx, a.disposal(), ended.Needless()...)
}
