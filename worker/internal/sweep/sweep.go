// Package sweep finds what nobody works on: jobs whose worker stopped sending heartbeats, and READY jobs whose
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

// Blobs are the objects of jobs that are too large for their items.
type Blobs interface {
	Delete(ctx context.Context, key string) error
}

// Clock is the time as a sweeper needs it; see lease.Clock.
type Clock interface {
	Now() time.Time
	Monotonic() time.Duration
}

// Sweeper sweeps one content type. One of a type's workers leads; the others only look whether it is late.
type Sweeper struct {
	Store       Store
	Blobs       Blobs // nil: all jobs stand in their items
	Queue       Queue
	Clock       Clock
	Log         *slog.Logger
	ContentType string
	Worker      string // unique among the type's workers
	Interval    time.Duration
	Slots       int   // messages that must be waiting visibly for nothing to be rung
	CrashLimit  int64 // crashes at one position that make a job DEAD
	// Measure says that the time that jobs take is measured. Default: it is not.
	Measure bool

	control       int64               // what this sweeper wrote as nextSweep; 0: not leading
	other         leader              // whom this sweeper stands by for
	jobTime       jobTime             // as the control item had it last
	seen          map[string]sighting // kept while another leads: sweeps that take long pass the lead around
	arrivals      []arrival           // of the last passedAfter
	deadCount     *int                // nil: not counted yet
	deadCountedAt time.Duration
	paused        bool       // the content type, as the control item last said
	sickAt        int64      // when an instance last reported that it is sick, as the control item last said
	othersSick    bool       // it was another one, since the look before
	sickness      sickness   // of this one
	owed          []job.Bell // of jobs that were reaped, or may have been, without a bell
	needless      []needless // objects of reaped jobs that were cancelled
}

// arrival is when a message was received and when it had been sent.
type arrival struct {
	at     time.Duration
	sentAt time.Time
}

// sighting is when a RUNNING job's heartbeat was first seen at its present count, and when its last checkpoint was.
type sighting struct {
	epoch      int64 // of its claim: the same worker may claim a job again
	heartbeats int64
	at         time.Duration
	seq        int64
	savedAt    time.Duration // or the first sight of the attempt
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
	// RipeIn is how long until the first job whose heartbeat stands still can be reaped, or, where another worker
	// leads, until its lead can be taken if it does not sweep before. 0: there is neither. A worker that waits for
	// its next sweep no longer than that has a dead worker's job back a sweep earlier.
	RipeIn time.Duration
	// Paused says that the content type is paused: its workers claim nothing. Known to all of them.
	Paused bool
	// OthersSick says that another instance has reported since the sweep before that it is sick.
	OthersSick bool
	// JobTime is what was measured. It is nil where nothing is, or another worker leads.
	JobTime *JobTime
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
	r.Paused, r.OthersSick, r.Led = s.paused, s.othersSick, led
	if !led {
		r.RipeIn = s.lateIn()
		return r, nil
	}
	if err := s.payBells(ctx); err != nil {
		return r, err
	}
	if s.Measure {
		r.JobTime = s.jobTime.measured()
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
	err = s.ringAll(ctx, &r)
	s.discard(ctx)
	return r, err
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
	w.Unread = true
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
