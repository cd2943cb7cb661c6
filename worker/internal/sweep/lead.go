package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// leader is the lead of another worker, as a sweeper that stands by sees it.
type leader struct {
	known bool
	next  int64         // its nextSweep
	at    time.Duration // when nextSweep was first seen at this value, on this machine's monotonic clock
}

// patience is how long nextSweep may stand still before another worker takes the lead. A leader moves it every
// interval, with an eighth of jitter. The rest allows for clocks whose rates differ by a tenth.
func (s *Sweeper) patience() time.Duration { return s.Interval + s.Interval/2 }

// lateIn is how long until the present leader is late, if nextSweep does not move before.
func (s *Sweeper) lateIn() time.Duration {
	return max(time.Millisecond, s.other.at+s.patience()-s.Clock.Monotonic())
}

// lead takes or keeps the control item: the last sweeper goes on unless nextSweep stands still. Wall clocks may
// be days apart, so that no sweeper trusts another's. Two leaders at once are harmless, because all that they
// write is conditional.
func (s *Sweeper) lead(ctx context.Context) (bool, error) {
	key := ControlKey(s.ContentType)
	if s.control == 0 {
		item, err := s.Store.Get(ctx, key)
		if err != nil {
			return false, fmt.Errorf("sweep: %w", err)
		}
		s.look(item)
		if s.leads(item) {
			return false, nil
		}
		s.control, s.jobTime = nextSweep(item), jobTimeOf(item)
	}
	cond := job.Cond{Attr: contract.AttrNextSweep, Op: job.Equal, Value: s.control}
	if s.control == 0 {
		cond = job.Cond{Attr: contract.AttrNextSweep, Op: job.Absent}
	}
	now := s.Clock.Now()
	next := now.Add(s.Interval).UnixMilli()
	if next == s.control { // it must move, even where a wall clock was set back
		next++
	}
	w := job.Write{
		Op: "lead sweep", Key: key, If: []job.Cond{cond},
		Set: job.Item{contract.AttrNextSweep: next, contract.AttrSweeper: s.Worker},
	}
	if s.Measure {
		s.jobTime.absorb(&w, now)
	}
	item, err := s.Store.Write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok {
		return s.refused(refused.Current), nil
	}
	if err != nil {
		s.control = 0
		return false, fmt.Errorf("sweep: %w", err)
	}
	s.control, s.jobTime, s.other = next, jobTimeOf(item), leader{known: true}
	s.look(item)
	return true, nil
}

// leads reports whether another worker leads by the control item: its nextSweep has moved of late.
func (s *Sweeper) leads(control job.Item) bool {
	next := nextSweep(control)
	if next == 0 || control[contract.AttrSweeper] == s.Worker {
		return false
	}
	now := s.Clock.Monotonic()
	first := !s.other.known
	if first || s.other.next != next {
		s.other = leader{true, next, now}
	}
	if first && s.Clock.Now().After(time.UnixMilli(next).Add(s.Interval)) {
		return false // the fleet was empty. By a clock that runs ahead this is wrong, once
	}
	return now < s.other.at+s.patience()
}

// refused takes what the table answered to a lead write that it refused: true if this sweeper leads all the same.
func (s *Sweeper) refused(current job.Item) bool {
	s.control = 0
	if current[contract.AttrSweeper] == s.Worker { // our own write, its answer was lost
		s.control, s.jobTime = nextSweep(current), jobTimeOf(current)
		return true
	}
	if current != nil {
		s.other = leader{true, nextSweep(current), s.Clock.Monotonic()}
	}
	return false
}

func nextSweep(control job.Item) int64 {
	next, _ := control[contract.AttrNextSweep].(int64)
	return next
}
