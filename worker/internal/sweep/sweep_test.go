package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

func TestDeadWorkersJobIsReapedAfterItsLeaseAndAQuarter(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	w.running("one")
	if r := w.until(s, lease+lease/4); r.Reaped != 0 {
		t.Fatalf("reaped %d jobs before 1.25 leases", r.Reaped)
	}
	if r := w.until(s, interval+time.Second); r.Reaped != 1 {
		t.Fatalf("reaped %d jobs within 1.25 leases and a sweep", r.Reaped)
	}
	j := w.get("one")
	if j.State != job.Ready || j.Epoch != 2 || j.Crashes != 1 || j.Failures != 0 {
		t.Errorf("state %s, epoch %d, crashes %d, failures %d", j.State, j.Epoch, j.Crashes, j.Failures)
	}
	if want := fmt.Sprintf("sent no heartbeat for %s, crash 1 at this position", lease+lease/4); !strings.Contains(j.LastError, want) {
		t.Errorf("last error %q, want %q in it: no more is known", j.LastError, want)
	}
	if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
		t.Errorf("bells (-want +got):\n%s", diff)
	}
}

// twice applies each reap, loses the answer and tries again, as the SDK does.
type twice struct {
	*counting
	omit bool // the item of a refusal, as some endpoints do
}

func (s twice) Write(ctx context.Context, w job.Write) (job.Item, error) {
	item, err := s.counting.Write(ctx, w)
	if w.Op != "reap" || err != nil {
		return item, err
	}
	item, err = s.counting.Write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok && s.omit {
		refused.Current = nil
	}
	return item, err
}

// TestReapWhoseAnswerIsLostStillRings: its job would wait for the next ring, five minutes later. Found by make chaos.
func TestReapWhoseAnswerIsLostStillRings(t *testing.T) {
	for _, omit := range []bool{false, true} {
		w := newWorld(t)
		s := w.sweeper("a")
		s.Store = twice{w.table, omit}
		w.running("one")
		w.until(s, lease+lease/4+interval+time.Second)
		if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
			t.Errorf("omitted item %t: bells (-want +got):\n%s", omit, diff)
		}
	}
}

// TestSweeperSaysWhenAReapIsDue: who sweeps then has the job back a sweep earlier.
func TestSweeperSaysWhenAReapIsDue(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	w.running("one")
	if r := w.sweep(s); r.RipeIn != lease+lease/4 {
		t.Fatalf("first seen, ripe in %s, want 1.25 leases", r.RipeIn)
	}
	w.clock.pass(interval)
	r := w.sweep(s)
	if want := lease + lease/4 - interval; r.RipeIn != want || r.Reaped != 0 {
		t.Fatalf("ripe in %s with %d reaped, want %s and none", r.RipeIn, r.Reaped, want)
	}
	w.clock.pass(r.RipeIn)
	if r := w.sweep(s); r.Reaped != 1 || r.RipeIn != 0 {
		t.Errorf("reaped %d, ripe in %s", r.Reaped, r.RipeIn)
	}
}

func TestLivingHolderIsNotReaped(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	j := w.running("one")
	for range 100 {
		w.clock.pass(interval)
		w.write(job.Heartbeat(j.Claim(), w.clock.Now()))
		if r := w.sweep(s); r.Reaped != 0 || r.Running != 1 {
			t.Fatalf("swept %+v", r)
		}
	}
}

func TestTheHoldersOwnLeaseCounts(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	w.write(job.ClaimSubmission(key("long"), work, "i-1", 10*lease, w.clock.Now()))
	if r := w.until(s, 12*lease); r.Reaped != 0 {
		t.Error("a job was reaped by another lease than its holder's")
	}
	if r := w.until(s, lease); r.Reaped != 1 {
		t.Errorf("reaped %d after 1.25 of its own leases", r.Reaped)
	}
}

// TestCrashesCountOnlyWithoutProgress: a job that gets further between crashes lives, one that does not
// is DEAD after five.
func TestCrashesCountOnlyWithoutProgress(t *testing.T) {
	for _, advances := range []bool{true, false} {
		w := newWorld(t)
		s := w.sweeper("a")
		j := w.running("one")
		for crash := int64(1); crash <= 8 && j.State == job.Running; crash++ {
			cp := job.Checkpoint{Seq: crash, Cursor: `{"at":0}`, Version: "mail@1"}
			if advances {
				cp.Cursor = fmt.Sprintf(`{"at":%d}`, crash)
			}
			w.write(job.SaveCheckpoint(j.Claim(), cp, w.clock.Now()))
			w.until(s, 3*lease)
			if j = w.get("one"); j.State == job.Ready {
				j = w.write(job.ClaimReady(j.Key, j.Epoch, "i-next", lease, w.clock.Now()))
			}
		}
		want, crashes := job.Dead, int64(5)
		if advances {
			want, crashes = job.Running, 1
		}
		if j.State != want || j.Crashes != crashes {
			t.Errorf("advancing %t: state %s after %d crashes, want %s after %d", advances, j.State, j.Crashes, want, crashes)
		}
	}
}

func TestOneWorkerSweepsAndALateOneIsReplaced(t *testing.T) {
	w := newWorld(t)
	a, b := w.sweeper("a"), w.sweeper("b")
	for range 5 {
		if !w.sweep(a).Led || w.sweep(b).Led {
			t.Fatal("want a to lead and b to stand by")
		}
		w.clock.pass(interval)
	}
	w.clock.pass(interval + time.Second) // a is gone
	if !w.sweep(b).Led {
		t.Fatal("b does not take over")
	}
	if w.sweep(a).Led {
		t.Fatal("a leads although b took over")
	}
}

// TestSweepsThatTakeLongStillReap: a sweep that lasts longer than two intervals loses the lead to the
// next worker each time. What each has seen must still lead to a reap (found by the simulator).
func TestSweepsThatTakeLongStillReap(t *testing.T) {
	w := newWorld(t)
	a, b := w.sweeper("a"), w.sweeper("b")
	w.running("one")
	reaped := 0
	for range 4 {
		for _, s := range []*sweep.Sweeper{a, b} {
			r := w.sweep(s)
			reaped += r.Reaped
			w.sweep(b)
			w.sweep(a)
			w.clock.pass(2*interval + time.Second)
		}
	}
	if reaped != 1 {
		t.Errorf("reaped %d of a dead worker's jobs in eight minutes, want 1", reaped)
	}
}

func TestLostBellIsRungAgainWithGrowingPauses(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	w.ready("one") // its bell is lost
	if r := w.until(s, 5*time.Minute-time.Second); r.Rung != 0 {
		t.Fatalf("rung %d times before its time", r.Rung)
	}
	var rings []time.Duration
	for start := w.clock.mono; w.clock.mono-start < 3*time.Hour; w.clock.pass(interval) {
		if w.sweep(s).Rung > 0 {
			rings = append(rings, w.clock.mono)
		}
		w.bells() // lost again
	}
	if len(rings) != 5 { // after 5, 15, 35, 75, 155 … minutes
		t.Errorf("rung %d times in three hours: %v", len(rings), rings)
	}
}

func TestNothingIsRungWhileTheQueueHoldsAMessagePerSlot(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	for i := range 50 {
		j := w.ready(fmt.Sprintf("job-%d", i))
		if err := w.queue.Send(t.Context(), job.Bell{ID: j.ID}.JSON(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.until(s, 6*time.Hour); r.Rung != 0 {
		t.Errorf("rung %d times into a backlog", r.Rung)
	}
	// A newer message among older ones has overtaken them: queues do not keep their order.
	s.Received(w.clock.Now().Add(-6 * time.Hour))
	s.Received(w.clock.Now())
	if r := w.until(s, passedAfter); r.Rung != 0 {
		t.Errorf("rung %d times because of a message that overtook others", r.Rung)
	}
	// The queue has passed the jobs' own bells: only messages sent much later are being received.
	w.clock.pass(interval)
	s.Received(w.clock.Now())
	if r := w.sweep(s); r.Rung != 50 {
		t.Errorf("rung %d of 50 whose bells the queue has passed", r.Rung)
	}
}

func TestPausedJobIsNotRung(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	j := w.running("one")
	w.write(job.Pause(j, w.clock.Now()))
	w.write(job.HandBack(j.Claim(), job.Return{BellAt: w.clock.Now()}, w.clock.Now()))
	if r := w.until(s, time.Hour); r.Rung != 0 {
		t.Errorf("a paused job was rung %d times", r.Rung)
	}
	resumed := w.write(job.Resume(w.get("one"), w.clock.Now()))
	if resumed.RingAt.After(w.clock.Now().Add(5 * time.Minute)) {
		t.Errorf("the resumed job is rung at %s", resumed.RingAt)
	}
}

// TestReadsDoNotGrowWithWhatNeedsNoAttention: finished jobs and READY jobs that are not due are not read.
func TestReadsDoNotGrowWithWhatNeedsNoAttention(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	for i := range 200 {
		j := w.running(fmt.Sprintf("done-%d", i))
		w.write(job.Finish(j.Claim(), job.End{State: job.Done}, w.clock.Now()))
		w.ready(fmt.Sprintf("ready-%d", i))
	}
	for i := range 3 {
		w.running(fmt.Sprintf("running-%d", i))
	}
	r := w.sweep(s)
	if r.Ready != 200 || r.Running != 3 || w.table.read != 3 {
		t.Errorf("swept %+v with %d items read, want 3 read", r, w.table.read)
	}
}

// silent is a queue that takes no messages.
type silent struct {
	*queue.Memory
	away bool
}

func (s *silent) Send(ctx context.Context, body string, delay time.Duration) error {
	if s.away {
		return errors.New("the queue is away")
	}
	return s.Memory.Send(ctx, body, delay)
}

// TestBellOfAReapIsOwedUntilItIsSent: a job that was reaped while the queue was away does not wait for its ring.
func TestBellOfAReapIsOwedUntilItIsSent(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	q := &silent{w.queue, true}
	s.Queue = q
	w.running("one")
	for range 4 {
		_, _ = s.Once(t.Context()) // the last one fails to send
		w.clock.pass(interval)
	}
	if j := w.get("one"); j.State != job.Ready || len(w.bells()) != 0 {
		t.Fatalf("state %s, want the job reaped and no bell yet", j.State)
	}
	q.away = false
	w.until(s, 2*interval)
	if diff := cmp.Diff([]string{`{"bell":"one","epoch":2}`}, w.bells()); diff != "" {
		t.Errorf("bells (-want +got):\n%s", diff)
	}
}

// away loses the write of a reap of one job.
type away struct {
	*counting
	key string
}

func (a *away) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if w.Op == "reap" && w.Key == a.key {
		return nil, errors.New("the endpoint is away")
	}
	return a.counting.Write(ctx, w)
}

// TestSameWorkersNextAttemptIsSeenAnew: a sweep that fails midway remembers the job that it reaped. When its worker comes
// back and claims it again, under the same name and with no heartbeat yet, it has a lease before it. Found by make sim.
func TestSameWorkersNextAttemptIsSeenAnew(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("a")
	for _, id := range []string{"one", "two"} {
		w.running(id)
	}
	w.sweep(s)
	w.clock.pass(2 * lease)
	s.Store = &away{w.table, key("two").String()}
	if _, err := s.Once(t.Context()); err == nil {
		t.Fatal("the reap of two did not fail")
	}
	j := w.get("one")
	if j.State != job.Ready {
		t.Fatalf("one is %s, want it reaped", j.State)
	}
	w.write(job.ClaimReady(j.Key, j.Epoch, "i-dead", lease, w.clock.Now()))
	w.clock.pass(lease / 4)
	if _, err := s.Once(t.Context()); err == nil {
		t.Fatal("the reap of two did not fail again")
	}
	if j := w.get("one"); j.State != job.Running {
		t.Errorf("a quarter of a lease after its claim, one is %s", j.State)
	}
}
