package sweep

import (
	"context"
	"math"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

const (
	// jobTimeHalfLife is how fast what was measured is forgotten: after this long it counts half.
	jobTimeHalfLife = 6 * time.Hour
	// fraction is the resolution of ended jobs in the control item: decayed counts are no whole numbers.
	fraction = 1000
)

// Tally adds what one worker did of late to its type's control item: the time its slots were busy and
// how many jobs it brought to their end. It has no condition, so that workers do not wait for each other.
// A tally that is lost, or applied twice because its answer was, changes both sums and hardly their ratio.
func Tally(contentType string, busy time.Duration, ended int) job.Write {
	return job.Write{
		Op: "tally", Key: ControlKey(contentType),
		Add: map[string]int64{contract.AttrBusy: busy.Milliseconds(), contract.AttrEnded: int64(ended)}, Unread: true,
	}
}

// Tally writes a tally of this worker's, where jobs are measured.
func (s *Sweeper) Tally(ctx context.Context, busy time.Duration, ended int) error {
	if !s.Measure {
		return nil
	}
	_, err := s.Store.Write(ctx, Tally(s.ContentType, busy, ended))
	return err
}

// jobTime is what the control item says of the time that jobs take: what was tallied since the last
// sweep, and the decayed sums of all before, which only the sweeper that leads writes.
type jobTime struct {
	busy, ended             int64 // milliseconds; jobs
	recentBusy, recentEnded int64 // milliseconds; jobs × fraction
	at                      int64 // when the recent sums were written, milliseconds since 1970
}

func jobTimeOf(control job.Item) jobTime {
	number := func(attr string) int64 { v, _ := control[attr].(int64); return v }
	return jobTime{
		number(contract.AttrBusy), number(contract.AttrEnded),
		number(contract.AttrRecentBusy), number(contract.AttrRecentEnded), number(contract.AttrRecentAt),
	}
}

// absorb moves what was tallied, as far as it is known here, into the decayed sums. It belongs into the
// lead write: the sums were read with its condition, and tallies that came after are left for the next.
func (t jobTime) absorb(lead *job.Write, now time.Time) {
	lead.Set[contract.AttrRecentBusy] = decayed(t.recentBusy, t.at, now) + t.busy
	lead.Set[contract.AttrRecentEnded] = decayed(t.recentEnded, t.at, now) + t.ended*fraction
	lead.Set[contract.AttrRecentAt] = now.UnixMilli()
	lead.Add = map[string]int64{contract.AttrBusy: -t.busy, contract.AttrEnded: -t.ended}
}

// JobTime is what was measured of the time that jobs take, over all workers of the type, decayed.
type JobTime struct {
	Busy  time.Duration // of slots, those of running jobs included
	Ended float64       // jobs
}

func (t jobTime) measured() *JobTime {
	return &JobTime{time.Duration(t.recentBusy+t.busy) * time.Millisecond, float64(t.recentEnded)/fraction + float64(t.ended)}
}

// MeasuredJobTime reads from a control item how long its jobs took of late, running ones included; 0: none
// has ended.
func MeasuredJobTime(control job.Item) time.Duration {
	measured := jobTimeOf(control).measured()
	if measured.Ended == 0 {
		return 0
	}
	return time.Duration(float64(measured.Busy) / measured.Ended)
}

// decayed is what is left of sum since the moment at. It rounds down, or small sums would never go. Clocks
// differ: time never runs backwards here.
func decayed(sum, at int64, now time.Time) int64 {
	age := max(0, now.UnixMilli()-at)
	return int64(float64(sum) * math.Exp2(-float64(age)/float64(jobTimeHalfLife.Milliseconds())))
}
