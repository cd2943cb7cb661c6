package sweep_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

const assumed = 5 * time.Minute

// measuring is a sweeper that measures how long jobs take.
func (w *world) measuring(name string) *sweep.Sweeper {
	s := w.sweeper(name)
	s.JobTime = assumed
	return s
}

func (w *world) tally(busy time.Duration, ended int) {
	w.t.Helper()
	if _, err := w.table.Write(w.t.Context(), sweep.Tally("mail", busy, ended)); err != nil {
		w.t.Fatal(err)
	}
}

func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if d := got - want; d < -want/200 || d > want/200 {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestMeanJobTime(t *testing.T) {
	w := newWorld(t)
	s := w.measuring("a")
	near(t, "nothing is measured yet", w.sweep(s).JobTime, assumed)
	w.tally(20*time.Minute, 0) // a job that runs on counts at once
	w.clock.pass(interval)
	near(t, "one job under way", w.sweep(s).JobTime, (20*time.Minute+2*assumed)/2)
	w.tally(40*time.Minute, 4) // two workers
	w.tally(4*time.Minute, 2)
	w.clock.pass(interval)
	mean := (64*time.Minute + 2*assumed) / 8
	near(t, "six have ended", w.sweep(s).JobTime, mean)
	for range 10 { // sweeps alone change nothing
		w.clock.pass(interval)
		near(t, "no news", w.sweep(s).JobTime, mean)
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
	near(t, "half of 100 jobs of an hour, and 50 of a minute", w.sweep(s).JobTime, (50*time.Hour+50*time.Minute+2*assumed)/102)
	for range 20 * 24 * 60 * 2 {
		w.clock.pass(interval)
		w.sweep(s)
	}
	near(t, "long forgotten", w.sweep(s).JobTime, assumed)
}

func TestTheNextSweeperGoesOnWithWhatWasMeasured(t *testing.T) {
	w := newWorld(t)
	a, b := w.measuring("a"), w.measuring("b")
	w.sweep(a)
	w.tally(30*time.Minute, 1)
	w.clock.pass(interval)
	mean := w.sweep(a).JobTime
	if r := w.sweep(b); r.Led || r.JobTime != 0 {
		t.Errorf("standing by, b says %+v", r)
	}
	w.clock.pass(2*interval + time.Second) // a is gone
	near(t, "b takes over", w.sweep(b).JobTime, mean)
}

// A tally may come before any sweep: it must not pass for a leader's item.
func TestTallyBeforeTheFirstSweep(t *testing.T) {
	w := newWorld(t)
	w.tally(30*time.Minute, 1)
	r := w.sweep(w.measuring("a"))
	if !r.Led {
		t.Fatal("does not lead")
	}
	near(t, "mean", r.JobTime, (30*time.Minute+2*assumed)/3)
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
