// Package sweep finds what nobody works on: jobs whose worker died without a word, and READY jobs whose
// bell was lost. Like package lease it is sequential code that is handed its store, queue, clock and
// randomness.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// passedAfter is how much older than all messages that are being received a job's own bell must be to
// count as lost: the queue has passed it. It is also how far back "being received" looks.
const passedAfter = 10 * time.Minute

// deadInterval is how old the number of DEAD jobs may be.
const deadInterval = 5 * time.Minute

// Store is the job table as a sweeper needs it.
type Store interface {
	Write(ctx context.Context, w job.Write) (job.Item, error)
	Get(ctx context.Context, key string) (job.Item, error)
	Index
	CountDue(ctx context.Context, partition, from, to string) (int, error)
}

// Queue is the content type's queue as a sweeper needs it.
type Queue interface {
	Send(ctx context.Context, body string, delay time.Duration) error
	Visible(ctx context.Context) (int, error)
}

// Clock is the time as a sweeper needs it; see lease.Clock.
type Clock interface {
	Now() time.Time
	Monotonic() time.Duration
}

// Sweeper sweeps one content type. One of a type's workers leads; the others only look whether it is late.
type Sweeper struct {
	Store       Store
	Queue       Queue
	Clock       Clock
	Log         *slog.Logger
	ContentType string
	Worker      string // unique among the type's workers
	Interval    time.Duration
	Slots       int   // messages that must be waiting visibly for nothing to be rung
	Crashes     int64 // limit of crashes at one position after which a job is DEAD
	// JobTime is how long a job is assumed to take until jobs have been measured. Default: it is not measured.
	JobTime time.Duration

	control       int64               // what this sweeper wrote as nextSweep; 0: not leading
	jobTime       jobTime             // as the control item had it last
	seen          map[string]sighting // kept while another leads: sweeps that take long pass the lead around
	arrivals      []arrival           // of the last passedAfter
	deadCount     *int                // nil: not counted yet
	deadCountedAt time.Duration
	paused        bool       // the content type, as the control item last said
	owed          []job.Bell // of jobs that were reaped, or may have been, without a bell
}

// arrival is when a message was received and when it had been sent.
type arrival struct {
	at     time.Duration
	sentAt time.Time
}

// sighting is when a RUNNING job's beat was first seen at its present count, and when its last checkpoint was.
type sighting struct {
	owner   string
	beat    int64
	at      time.Duration
	seq     int64
	savedAt time.Duration // or the first sight of the attempt
}

// Result is what a sweep found and did.
type Result struct {
	Led     bool // false: another worker sweeps
	Ready   int
	Running int
	Dead    int
	Reaped  int
	Ended   []job.State // what those reaped jobs ended as that may not run again
	Rung    int
	// OldestCheckpoint is how long ago the RUNNING job that has been without one for longest saved a checkpoint or
	// was claimed, as far as this sweeper has seen it.
	OldestCheckpoint time.Duration
	// RipeIn is how long until the first job whose beat stands still can be reaped; 0: there is none. Who
	// waits for the next sweep no longer than that has a dead worker's job back a sweep earlier.
	RipeIn time.Duration
	// Paused says that the content type is paused: its workers claim nothing. Known to all of them.
	Paused bool
	// JobTime is how long a job takes on average, as measured over all workers of the type.
	JobTime time.Duration
}

// Received tells the sweeper of messages that this worker received: the sending time of the oldest of
// those since the last call.
func (s *Sweeper) Received(sentAt time.Time) {
	s.arrivals = append(s.arrivals, arrival{s.Clock.Monotonic(), sentAt})
}

// passed is the sending time of the oldest message received of late: where the queue is. The newest one
// would not do: queues do not keep their order, and fair ones let newer messages overtake by hours.
func (s *Sweeper) passed() time.Time {
	since := s.Clock.Monotonic() - passedAfter
	s.arrivals = slices.DeleteFunc(s.arrivals, func(a arrival) bool { return a.at < since })
	if len(s.arrivals) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(s.arrivals, func(a, b arrival) int { return a.sentAt.Compare(b.sentAt) }).sentAt
}

// Once does one sweep, or nothing where another worker leads. What was done before an error stays done
// and the rest is found again next time.
func (s *Sweeper) Once(ctx context.Context) (Result, error) {
	var r Result
	led, err := s.lead(ctx)
	if err != nil {
		return r, err
	}
	r.Paused = s.paused
	if !led {
		return r, nil
	}
	r.Led = true
	if err := s.payBells(ctx); err != nil {
		return r, err
	}
	if s.JobTime > 0 {
		r.JobTime = s.jobTime.mean(s.JobTime)
	}
	if err := s.reapAll(ctx, &r); err != nil {
		return r, err
	}
	if r.Ready, err = s.count(ctx, job.DueReadyFirst, job.DueReadyLatest); err != nil {
		return r, err
	}
	if err := s.countDead(ctx, &r); err != nil {
		return r, err
	}
	return r, s.ringAll(ctx, &r)
}

// lead takes or keeps the control item: the last sweeper goes on unless it is late by an interval. Two
// leaders at once are harmless, all they write is conditional.
func (s *Sweeper) lead(ctx context.Context) (bool, error) {
	key := ControlKey(s.ContentType)
	now := s.Clock.Now()
	if s.control == 0 {
		item, err := s.Store.Get(ctx, key)
		if err != nil {
			return false, fmt.Errorf("sweep: %w", err)
		}
		s.paused, _ = item[contract.AttrPaused].(bool)
		next, _ := item[contract.AttrNextSweep].(int64)
		late := now.After(time.UnixMilli(next).Add(s.Interval))
		if item != nil && item[contract.AttrSweeper] != s.Worker && !late {
			return false, nil
		}
		s.control, s.jobTime = next, jobTimeOf(item)
	}
	cond := job.Cond{Attr: contract.AttrNextSweep, Op: job.Equal, Value: s.control}
	if s.control == 0 {
		cond = job.Cond{Attr: contract.AttrNextSweep, Op: job.Absent}
	}
	next := now.Add(s.Interval).UnixMilli()
	w := job.Write{
		Op: "lead sweep", Key: key, If: []job.Cond{cond},
		Set: job.Item{contract.AttrNextSweep: next, contract.AttrSweeper: s.Worker},
	}
	if s.JobTime > 0 {
		s.jobTime.absorb(&w, now)
	}
	item, err := s.Store.Write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok {
		s.control = 0
		if refused.Current[contract.AttrSweeper] == s.Worker { // our own write, its answer was lost
			s.control, _ = refused.Current[contract.AttrNextSweep].(int64)
			s.jobTime = jobTimeOf(refused.Current)
		}
		return s.control != 0, nil
	}
	if err != nil {
		s.control = 0
		return false, fmt.Errorf("sweep: %w", err)
	}
	s.control, s.jobTime = next, jobTimeOf(item)
	s.paused, _ = item[contract.AttrPaused].(bool)
	return true, nil
}

// PauseType keeps the workers of a content type from claiming jobs, from their next look at the control item
// on; ResumeType lets them again. What runs goes on to its end.
func PauseType(contentType string) job.Write {
	return job.Write{Op: "pause type", Key: ControlKey(contentType), Set: job.Item{contract.AttrPaused: true}}
}

// ResumeType undoes [PauseType].
func ResumeType(contentType string) job.Write {
	return job.Write{Op: "resume type", Key: ControlKey(contentType), Remove: []string{contract.AttrPaused}}
}

// ControlKey is the key of a content type's control item.
func ControlKey(contentType string) string { return "control#" + contentType }

// reapAll restarts the RUNNING jobs whose beat stood still for 1.25 leases on this machine's own clock
// (clock rates may differ).
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
		if !known || sight.owner != j.Owner || sight.beat != j.Beat {
			sight = seenNow(sight, j, now)
		}
		seen[key] = sight
		r.OldestCheckpoint = max(r.OldestCheckpoint, now-sight.savedAt)
		if ripe := sight.at + j.Lease + j.Lease/4; now < ripe {
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
	next := sighting{j.Owner, j.Beat, now, j.Seq, now}
	if last.owner == j.Owner && last.seq == j.Seq {
		next.savedAt = last.savedAt
	}
	return next
}

func (s *Sweeper) reap(ctx context.Context, j job.Job, r *Result) error {
	reaped := job.Bell{ID: j.ID, Epoch: j.Epoch + 1}
	item, err := s.Store.Write(ctx, job.Reap(j, s.Crashes, s.Clock.Now()))
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
	if err != nil || after.State != job.Ready || after.Epoch != j.Epoch+1 {
		return err
	}
	return s.bell(ctx, after)
}

// ringAll announces again the READY jobs that were not claimed in time, and never multiplies a backlog:
// while the queue visibly holds a message per slot, only a job whose own bell the queue has passed is rung.
func (s *Sweeper) ringAll(ctx context.Context, r *Result) error {
	if r.Ready == 0 || s.paused { // nobody would take them
		return nil
	}
	jobs, err := s.due(ctx, job.DueReadyFirst, job.DueReady(s.Clock.Now()))
	if err != nil || len(jobs) == 0 {
		return err
	}
	visible, err := s.Queue.Visible(ctx)
	if err != nil {
		return err
	}
	passed := s.passed()
	for _, j := range jobs {
		if j.RingAt.After(s.Clock.Now()) { // the index lags
			continue
		}
		if j.State != job.Ready || visible >= s.Slots && !passed.After(j.LastBell().Add(passedAfter)) {
			continue
		}
		if err := s.ring(ctx, j, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) ring(ctx context.Context, j job.Job, r *Result) error {
	w := job.Ring(j, s.Clock.Now())
	if j.Paused {
		w = job.Park(j)
	}
	_, err := s.Store.Write(ctx, w)
	if _, refused := errors.AsType[*job.RefusedError](err); refused {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	if j.Paused {
		return nil
	}
	r.Rung++
	s.Log.Info("bell rung again", "job", j.Key.String(), "epoch", j.Epoch, "rings", j.Rings+1)
	return s.bell(ctx, j)
}

func (s *Sweeper) bell(ctx context.Context, j job.Job) error {
	return s.Queue.Send(ctx, job.Bell{ID: j.ID, Epoch: j.Epoch}.JSON(), 0)
}

// countDead counts the DEAD jobs now and then: they stand in the index for 30 days, and what a sweep reads
// is not to grow with them.
func (s *Sweeper) countDead(ctx context.Context, r *Result) error {
	if now := s.Clock.Monotonic(); s.deadCount == nil || now-s.deadCountedAt >= deadInterval {
		n, err := s.count(ctx, job.DueDeadFirst, job.DueDeadLast)
		if err != nil {
			return err
		}
		s.deadCount, s.deadCountedAt = &n, now
	}
	r.Dead = *s.deadCount
	return nil
}

// count counts the jobs between two sort keys of the due index without reading them.
func (s *Sweeper) count(ctx context.Context, from, to string) (int, error) {
	all := 0
	for shard := range contract.DueShards {
		n, err := s.Store.CountDue(ctx, job.DuePartition(s.ContentType, shard), from, to)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// due reads the jobs between two sort keys of the due index.
func (s *Sweeper) due(ctx context.Context, from, to string) ([]job.Job, error) {
	return Jobs(ctx, s.Store, s.ContentType, from, to, func(err error) {
		s.Log.Error("job item cannot be read", "error", err.Error())
	})
}
