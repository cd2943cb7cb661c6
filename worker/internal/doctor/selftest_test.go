package doctor

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// table is a job table that records the writes and may answer one operation with an error.
type table struct {
	*store.Memory
	mu     sync.Mutex
	fail   string // the operation that fails
	lost   string // the operation that is applied without an answer
	forget string // the operation that is answered and not kept
	writes []job.Write
}

var errDenied = errors.New("access denied")

func (s *table) Write(ctx context.Context, w job.Write) (job.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, w)
	if w.Op == s.fail {
		return nil, errDenied
	}
	if w.Op == s.forget {
		return s.Get(ctx, w.Key)
	}
	item, err := s.Memory.Write(ctx, w)
	if w.Op == s.lost && err == nil { // and the SDK's own second try is refused
		item, err = s.Memory.Write(ctx, w)
	}
	return item, err
}

func selfTest(s lease.Store) SelfTest {
	return SelfTest{
		Store: s, Clock: supervisor.SystemClock{}, Rand: supervisor.Random(), ContentType: "mail", Worker: "i-1",
		Timing: contract.Timing{Lease: time.Minute, Heartbeat: 20 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: time.Minute, Stall: time.Hour},
	}
}

func TestSelfTestClaimsRenewsAndHandsBackAJobThatNobodyElseSees(t *testing.T) {
	s := &table{Memory: store.NewMemory()}
	before := time.Now()
	j, err := selfTest(s).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, w := range s.writes {
		ops = append(ops, w.Op)
	}
	if got := strings.Join(ops, ", "); got != "claim submission, heartbeat, hand back" {
		t.Errorf("wrote %s", got)
	}
	if j.ContentType != "mail" || !strings.HasPrefix(j.ID, "selftest.") || j.Owner != "" {
		t.Errorf("job %s is left with the owner %q", j.Key, j.Owner)
	}
	if left := j.Expires.Sub(before); left < selfTestLife-time.Second || left > selfTestLife+time.Minute {
		t.Errorf("it expires after %s, want %s", left, selfTestLife)
	}
	for shard := range contract.DueShards {
		keys, err := s.Due(t.Context(), job.DuePartition("mail", shard), job.DueFirst, job.DueLast)
		if err != nil || len(keys) > 0 {
			t.Errorf("sweeps, counts and lists see %v, error %v", keys, err)
		}
	}
}

// The index must not hold the job at any time, not only in the end.
func TestNoWriteOfASelfTestIsIndexed(t *testing.T) {
	s := &table{Memory: store.NewMemory()}
	if _, err := selfTest(s).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, w := range s.writes {
		for _, attr := range []string{contract.AttrDuePartition, contract.AttrDueSort} {
			if v, set := w.Set[attr]; set {
				t.Errorf("%s sets %s = %v", w.Op, attr, v)
			}
		}
		if _, set := w.Set[contract.AttrTTL]; !set {
			t.Errorf("after %s the item would stay for ever", w.Op)
		}
	}
}

func TestSelfTestSaysWhichWriteFailed(t *testing.T) {
	for _, op := range []string{"claim submission", "heartbeat", "hand back"} {
		s := &table{Memory: store.NewMemory(), fail: op}
		began := time.Now()
		if _, err := selfTest(s).Run(t.Context()); !errors.Is(err, errDenied) {
			t.Errorf("%s fails: error %v", op, err)
		}
		if last := s.writes[len(s.writes)-1].Op; last != op {
			t.Errorf("%s fails, and %s is still tried", op, last)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s fails: tried for %s", op, took)
		}
	}
}

func TestSelfTestSurvivesAnAnswerThatIsLost(t *testing.T) {
	for _, op := range []string{"claim submission", "hand back"} {
		if _, err := selfTest(&table{Memory: store.NewMemory(), lost: op}).Run(t.Context()); err != nil {
			t.Errorf("the first answer to %s is lost: %v", op, err)
		}
	}
}

func TestSelfTestReadsWhatItWrote(t *testing.T) {
	for op, want := range map[string]string{
		"claim submission": "its claim was refused",
		"hand back":        "the table says RUNNING at epoch 1, heartbeat 1, drains 0",
	} {
		_, err := selfTest(&table{Memory: store.NewMemory(), forget: op}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not kept: error %v, want %q", op, err, want)
		}
	}
}

func TestAHundredInstancesTestThemselvesAtOnce(t *testing.T) {
	s := &table{Memory: store.NewMemory()}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if _, err := selfTest(s).Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(s.writes) != 300 {
		t.Errorf("%d writes, want three for each", len(s.writes))
	}
}

// Two instances with the same randomness, which does not happen, must not take each other's job for their own.
func TestSelfTestsOfOneIdDoNotShareIt(t *testing.T) {
	s := &table{Memory: store.NewMemory()}
	one, other := selfTest(s), selfTest(s)
	one.Rand, other.Rand = rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1))
	if _, err := one.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Run(t.Context()); err == nil {
		t.Error("the second passed with the first one's job")
	}
}
