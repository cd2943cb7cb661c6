package sweep_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// meddling is a table in which something happens just before a write of one operation, or its answer is lost.
type meddling struct {
	*counting
	op     string
	before func() // nil: nothing
	lose   bool
}

func (m *meddling) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if w.Op == m.op && m.before != nil {
		m.before()
		m.before = nil
	}
	item, err := m.counting.Write(ctx, w)
	if w.Op == m.op && m.lose {
		return nil, errors.New("connection reset")
	}
	return item, err
}

// TestBellOfAReapWhoseAnswerIsLostIsOwed, also while the queue is away in the sweep after it.
func TestBellOfAReapWhoseAnswerIsLostIsOwed(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	table, q := &meddling{counting: w.table, op: "reap", lose: true}, &silent{w.queue, true}
	s.Store, s.Queue = table, q
	w.running("one")
	w.sweep(s)
	w.clock.pass(2 * lease)
	for range 3 { // the reap without an answer, and two sweeps that cannot send
		if _, err := s.Once(t.Context()); err == nil {
			t.Fatal("want an error")
		}
		w.clock.pass(interval)
	}
	q.away = false
	w.sweep(s)
	w.sweep(s)
	if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
		t.Errorf("bells (-want +got):\n%s", diff)
	}
}

// TestRefusedReapOfAJobThatWentOnRingsNothing: its holder ended it or handed it on, with a bell of its own.
func TestRefusedReapOfAJobThatWentOnRingsNothing(t *testing.T) {
	for name, meanwhile := range map[string]func(w *world, j job.Job){
		"done": func(w *world, j job.Job) { w.write(job.Finish(j.Claim(), job.End{State: job.Done}, w.clock.Now())) },
		"handed on twice": func(w *world, j job.Job) {
			for range 2 {
				j = w.write(job.HandBack(j.Claim(), job.Return{BellAt: w.clock.Now()}, w.clock.Now()))
				j = w.write(job.ClaimReady(j.Key, j.Epoch, "i-next", lease, w.clock.Now()))
			}
			w.write(job.HandBack(j.Claim(), job.Return{BellAt: w.clock.Now()}, w.clock.Now()))
		},
		"alive": func(w *world, j job.Job) { w.write(job.Heartbeat(j.Claim(), w.clock.Now())) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.sweeper("a")
			j := w.running("one")
			table := &meddling{counting: w.table, op: "reap", before: func() { meanwhile(w, j) }}
			s.Store = table
			w.sweep(s)
			w.clock.pass(2 * lease)
			if r := w.sweep(s); table.before != nil || r.Reaped != 0 || len(w.bells()) != 0 {
				t.Errorf("tried to reap %t, swept %+v", table.before == nil, r)
			}
		})
	}
}

// TestABellIsRungAfterItsWriteAndOnce: a refused ring, or one whose outcome is not known, sends no bell.
func TestABellIsRungAfterItsWriteAndOnce(t *testing.T) {
	for name, c := range map[string]struct {
		claimed, lost bool
		bells         int
	}{"rung": {bells: 1}, "claimed meanwhile": {claimed: true}, "no answer": {lost: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.sweeper("a")
			j := w.ready("one")
			table := &meddling{counting: w.table, op: "ring", lose: c.lost}
			if c.claimed {
				table.before = func() { w.write(job.ClaimReady(j.Key, j.Epoch, "i-1", lease, w.clock.Now())) }
			}
			s.Store = table
			w.clock.pass(job.RingDelay(0))
			if _, err := s.Once(t.Context()); (err != nil) != c.lost {
				t.Fatal(err)
			}
			if got := w.bells(); len(got) != c.bells || table.before != nil {
				t.Errorf("bells %v, want %d", got, c.bells)
			}
		})
	}
}

// TestAMessagePerSlotIsEnough: one fewer is not.
func TestAMessagePerSlotIsEnough(t *testing.T) {
	for visible, rung := range map[int]int{1: 1, 2: 0} { // two slots
		w := newWorld(t)
		s := w.sweeper("a")
		w.ready("one")
		for range visible {
			if err := w.queue.Send(t.Context(), "{}", 0); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.pass(job.RingDelay(0))
		if r := w.sweep(s); r.Rung != rung {
			t.Errorf("%d messages wait: rung %d, want %d", visible, r.Rung, rung)
		}
	}
}

// TestABellIsLostOnlyLongAfterTheQueuePassedIt: queues do not keep their order within minutes.
func TestABellIsLostOnlyLongAfterTheQueuePassedIt(t *testing.T) {
	for later, rung := range map[time.Duration]int{time.Minute: 0, passedAfter: 0, passedAfter + time.Second: 1} {
		w := newWorld(t)
		s := w.sweeper("a")
		belled := w.clock.Now()
		w.ready("one")
		for range 3 {
			if err := w.queue.Send(t.Context(), "{}", 0); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.pass(2 * passedAfter)
		s.Received(belled.Add(later))
		if r := w.sweep(s); r.Rung != rung {
			t.Errorf("received what was sent %s after the bell: rung %d, want %d", later, r.Rung, rung)
		}
	}
}

// TestNothingIsRungWhileTheTypeIsPaused: nobody would take the jobs. Afterwards they are rung.
func TestNothingIsRungWhileTheTypeIsPaused(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	w.ready("one")
	control := func() job.Item {
		item, err := w.table.Memory.Get(t.Context(), sweep.ControlKey("mail"))
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	steer := func(write job.Write) {
		if _, err := w.table.Memory.Write(t.Context(), write); err != nil {
			t.Fatal(err)
		}
	}
	w.sweep(s)
	steer(sweep.PauseType("mail", control()))
	if r := w.until(s, time.Hour); r.Rung != 0 {
		t.Errorf("rung %d times while paused", r.Rung)
	}
	steer(sweep.ResumeType("mail", control()))
	if r := w.until(s, 2*interval); r.Rung != 1 {
		t.Errorf("rung %d times after the pause, want once", r.Rung)
	}
}

// TestLeadThatTheSDKWritesTwiceIsRecognised: otherwise nobody sweeps this time.
func TestLeadThatTheSDKWritesTwiceIsRecognised(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	table := &meddling{counting: w.table, op: "lead sweep"}
	s.Store = again{table}
	for range 3 {
		if !w.sweep(s).Led {
			t.Fatal("the only worker does not lead")
		}
		w.clock.pass(interval)
	}
}

// again does each write twice.
type again struct{ *meddling }

func (a again) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if _, err := a.meddling.Write(ctx, w); err != nil {
		return nil, err
	}
	return a.meddling.Write(ctx, w)
}

// TestLatePauseOfATypeIsRefused, and a late resume: its author read the control item before another operator's change.
func TestLatePauseOfATypeIsRefused(t *testing.T) {
	for name, late := range map[string]func(string, job.Item) job.Write{"pause": sweep.PauseType, "resume": sweep.ResumeType} {
		w := newWorld(t)
		command := late("mail", nil)
		if _, err := w.table.Write(t.Context(), sweep.PauseType("mail", nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.table.Write(t.Context(), command); !errors.As(err, new(*job.RefusedError)) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

// TestDeadJobsAreCountedEachFiveMinutes: what a sweep reads does not grow with them, and the alarm does not wait for long.
func TestDeadJobsAreCountedEachFiveMinutes(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	var seen []int
	for i := range 3 {
		seen = append(seen, w.sweep(s).Dead)
		j := w.running(string(rune('a' + i)))
		w.write(job.Finish(j.Claim(), job.End{State: job.Dead}, w.clock.Now()))
		seen = append(seen, w.sweep(s).Dead)
		w.clock.pass(5 * time.Minute)
	}
	if diff := cmp.Diff([]int{0, 0, 1, 1, 2, 2}, seen); diff != "" {
		t.Errorf("DEAD jobs (-want +got):\n%s", diff)
	}
}
