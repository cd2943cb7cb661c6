package sweep_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// measuring is a sweeper that measures how long jobs take.
func (w *world) measuring(name string) *sweep.Sweeper {
	s := w.sweeper(name)
	s.Measure = true
	return s
}

func (w *world) tally(busy time.Duration, ended int) {
	w.t.Helper()
	if _, err := w.table.Write(w.t.Context(), sweep.Tally("mail", busy, ended)); err != nil {
		w.t.Fatal(err)
	}
}

// near allows for the decay of some minutes.
func near(t *testing.T, what string, got *sweep.JobTime, busy time.Duration, ended float64) {
	t.Helper()
	switch {
	case got == nil:
		t.Errorf("%s: nothing is measured", what)
	case (got.Busy - busy).Abs() > busy/50, math.Abs(got.Ended-ended) > ended/50:
		t.Errorf("%s: %s in %v jobs, want %s in %v", what, got.Busy, got.Ended, busy, ended)
	}
}

func TestMeanJobTime(t *testing.T) {
	w := newWorld(t)
	s := w.measuring("a")
	near(t, "nothing is measured yet", w.sweep(s).JobTime, 0, 0)
	w.tally(20*time.Minute, 0) // a job that runs on counts at once
	w.clock.pass(interval)
	near(t, "one job under way", w.sweep(s).JobTime, 20*time.Minute, 0)
	w.tally(40*time.Minute, 4) // two workers
	w.tally(4*time.Minute, 2)
	w.clock.pass(interval)
	near(t, "six have ended", w.sweep(s).JobTime, 64*time.Minute, 6)
	for range 10 { // sweeps alone change nothing
		w.clock.pass(interval)
		near(t, "no news", w.sweep(s).JobTime, 64*time.Minute, 6)
	}
}

func TestWhatWasMeasuredSixHoursAgoCountsHalf(t *testing.T) {
	w := newWorld(t)
	s := w.measuring("a")
	w.tally(100*time.Hour, 100)
	w.sweep(s)
	for range 6 * 60 * 2 {
		w.clock.pass(interval)
		w.sweep(s)
	}
	w.tally(50*time.Minute, 50)
	near(t, "half of 100 jobs of an hour, and 50 of a minute", w.sweep(s).JobTime, 50*time.Hour+50*time.Minute, 100)
	for range 20 * 24 * 60 * 2 {
		w.clock.pass(interval)
		w.sweep(s)
	}
	if got := w.sweep(s).JobTime; got.Busy > time.Second || got.Ended > 0.01 {
		t.Errorf("not forgotten: %+v", got)
	}
}

func TestTheNextSweeperGoesOnWithWhatWasMeasured(t *testing.T) {
	w := newWorld(t)
	a, b := w.measuring("a"), w.measuring("b")
	w.sweep(a)
	w.tally(30*time.Minute, 1)
	w.clock.pass(interval)
	near(t, "a leads", w.sweep(a).JobTime, 30*time.Minute, 1)
	if r := w.sweep(b); r.Led || r.JobTime != nil {
		t.Errorf("standing by, b says %+v", r)
	}
	w.clock.pass(2*interval + time.Second) // a is gone
	near(t, "b takes over", w.sweep(b).JobTime, 30*time.Minute, 1)
}

// A tally may come before any sweep: it must not pass for a leader's item.
func TestTallyBeforeTheFirstSweep(t *testing.T) {
	w := newWorld(t)
	w.tally(30*time.Minute, 1)
	r := w.sweep(w.measuring("a"))
	if !r.Led {
		t.Fatal("does not lead")
	}
	near(t, "what was tallied", r.JobTime, 30*time.Minute, 1)
}

// losing loses answers: the write is applied and the caller is told of an error, or its own retry is refused.
type losing struct {
	*store.Memory
	random *rand.Rand
}

func (l *losing) Write(ctx context.Context, w job.Write) (job.Item, error) {
	item, err := l.Memory.Write(ctx, w)
	if w.Op != "lead sweep" || err != nil {
		return item, err
	}
	switch l.random.IntN(4) {
	case 0:
		return nil, errors.New("connection reset")
	case 1:
		return l.Memory.Write(ctx, w) // the SDK's retry
	}
	return item, nil
}

// Nothing that was tallied is lost or counted twice, whoever leads and whatever answer is lost: without
// decay (no time passes within a half-life's resolution) the sums are those of all tallies.
func TestNoTallyIsLostOrCountedTwice(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		table := &losing{w.table.Memory, random}
		sweepers := []*sweep.Sweeper{w.measuring("a"), w.measuring("b"), w.measuring("c")}
		for _, s := range sweepers {
			s.Store, s.Interval = table, 10*time.Millisecond
		}
		var busy, ended int64
		for range 200 {
			ms, n := random.Int64N(100_000), random.Int64N(3)
			w.tally(time.Duration(ms)*time.Millisecond, int(n))
			busy, ended = busy+ms, ended+n
			w.clock.pass(time.Duration(1+random.IntN(25)) * time.Millisecond)
			_, _ = sweepers[random.IntN(3)].Once(t.Context()) // lost answers are errors here
		}
		item, err := w.table.Memory.Get(t.Context(), sweep.ControlKey("mail"))
		if err != nil {
			t.Fatal(err)
		}
		sum := func(fresh, recent string, unit int64) float64 {
			a, _ := item[fresh].(int64)
			b, _ := item[recent].(int64)
			return float64(a) + float64(b)/float64(unit)
		}
		// 200 sweeps round down by at most one each; 5 s of decay take less than a thousandth.
		if got := sum(contract.AttrBusy, contract.AttrRecentBusy, 1); got > float64(busy) || got < 0.999*float64(busy)-200 {
			t.Errorf("seed %d: %v ms of busy time, tallied were %d", seed, got, busy)
		}
		if got := sum(contract.AttrEnded, contract.AttrRecentEnded, 1000); got > float64(ended) || got < 0.999*float64(ended)-0.2 {
			t.Errorf("seed %d: %v ended jobs, tallied were %d", seed, got, ended)
		}
	}
}
