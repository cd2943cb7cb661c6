package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// reapAll restarts the RUNNING jobs whose heartbeat stood still for longer than their patience on this machine's own clock.
func (s *Sweeper) reapAll(ctx context.Context, r *Result) error {
	jobs, err := s.due(ctx, job.DueRunning, job.DueRunning)
	if err != nil {
		return err
	}
	now := s.Clock.Monotonic()
	seen := make(map[string]sighting, len(jobs))
	for _, j := range jobs {
		if j.State != job.Running {
			continue // the index lags
		}
		r.Running++
		key := j.Key.String()
		sight, known := s.seen[key]
		if !known || sight.epoch != j.Epoch || sight.heartbeats != j.Heartbeats {
			sight = seenNow(sight, j, now)
		}
		seen[key] = sight
		r.OldestCheckpoint = max(r.OldestCheckpoint, now-sight.savedAt)
		if ripe := sight.at + j.Patience(); now < ripe {
			if r.RipeIn == 0 || ripe-now < r.RipeIn {
				r.RipeIn = ripe - now
			}
			continue
		}
		if err := s.reap(ctx, j, r); err != nil {
			return err
		}
		delete(seen, key)
	}
	s.seen = seen
	return nil
}

// seenNow is what is seen of a job that has moved since it was last seen.
func seenNow(last sighting, j job.Job, now time.Duration) sighting {
	next := sighting{j.Epoch, j.Heartbeats, now, j.Seq, now}
	if last.epoch == j.Epoch && last.seq == j.Seq {
		next.savedAt = last.savedAt
	}
	return next
}

func (s *Sweeper) reap(ctx context.Context, j job.Job, r *Result) error {
	reaped := job.Bell{ID: j.ID, Epoch: j.Epoch + 1}
	item, err := s.Store.Write(ctx, job.Reap(j, s.CrashLimit, s.Clock.Now()))
	if refused, ok := errors.AsType[*job.RefusedError](err); ok {
		s.Log.Info("job not reaped: it moved", "job", j.Key.String(), "refused", refused.Error())
		return s.bellOfReaped(ctx, j, refused.Current)
	}
	if err != nil { // it may have been applied all the same
		s.owed = append(s.owed, reaped)
		return fmt.Errorf("reap: %w", err)
	}
	after, err := job.FromItem(item)
	if err != nil {
		return err
	}
	r.Reaped++
	s.Log.Warn("job of a dead worker reaped", "job", j.Key.String(), "owner", j.Owner, "epoch", j.Epoch, "state", after.State, "crashes", after.Crashes)
	s.discardLater(after)
	if after.State != job.Ready {
		r.Ended = append(r.Ended, after.State)
		return nil
	}
	if err := s.bell(ctx, after); err != nil {
		s.owed = append(s.owed, reaped)
		return err
	}
	return nil
}

// payBells sends the bells of reaped jobs that could not be sent before: those jobs would wait for the
// next ring, five minutes later. A bell for a job that was not reaped after all does nothing.
func (s *Sweeper) payBells(ctx context.Context) error {
	for len(s.owed) > 0 {
		if err := s.Queue.Send(ctx, s.owed[0].JSON(), 0); err != nil {
			return err
		}
		s.owed = s.owed[1:]
	}
	return nil
}

// bellOfReaped sends the bell of a job whose reap was refused because the job is READY one epoch later: our own
// first try may have been applied and its answer lost. If somebody else did it, there is a bell too many.
func (s *Sweeper) bellOfReaped(ctx context.Context, j job.Job, current job.Item) error {
	if current == nil { // some endpoints leave the item out
		var err error
		if current, err = s.Store.Get(ctx, j.Key.String()); err != nil || current == nil {
			return err
		}
	}
	after, err := job.FromItem(current)
	if err != nil || after.Epoch != j.Epoch+1 {
		return err
	}
	s.discardLater(after)
	if after.State != job.Ready {
		return nil
	}
	return s.bell(ctx, after)
}

// deleteTries bounds how often the deletion of an object is tried, once in each sweep. The bucket's lifecycle rule removes
// what is left.
const deleteTries = 3

// needless is an object that is to be deleted.
type needless struct {
	ref   string
	tries int
}

// discardLater has the objects of a job deleted that has ended and needs them no more.
func (s *Sweeper) discardLater(j job.Job) {
	if s.Blobs == nil {
		return
	}
	for _, ref := range j.Needless() {
		s.needless = append(s.needless, needless{ref: ref})
	}
}

// discard deletes what is to be deleted. A bucket that is away holds up no sweep.
func (s *Sweeper) discard(ctx context.Context) {
	var left []needless
	for _, n := range s.needless {
		err := s.Blobs.Delete(ctx, n.ref)
		if err == nil {
			continue
		}
		s.Log.Warn("object that is no longer needed not deleted", "object", n.ref, "error", err.Error())
		if n.tries++; n.tries < deleteTries {
			left = append(left, n)
		}
	}
	s.needless = left
}
