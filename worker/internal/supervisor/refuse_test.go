package supervisor

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// TestJobClaimedForADeadSlotInADrainIsHandedBack: the slot died idle, the drain keeps it from being
// replaced, and a claim that was under way for it succeeds.
func TestJobClaimedForADeadSlotInADrainIsHandedBack(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	table, messages := store.NewMemory(), queue.NewMemory(time.Now, time.Minute)
	timing := contract.Timing{Lease: time.Minute, Heartbeat: 20 * time.Second, Checkpoint: time.Second, DrainBudget: time.Second, Stall: time.Hour}
	claimer := &lease.Claimer{Store: table, Clock: SystemClock{}, Rand: Random(), ContentType: "mail", Worker: "i-1", Timing: timing}
	claimed, err := claimer.Take(t.Context(), queue.Message{ID: "one", Body: `{"payload":{}}`})
	if err != nil || claimed == nil {
		t.Fatalf("claimed %v, error %v", claimed, err)
	}
	s := &Supervisor{
		Slot:     slot.Options{Executable: "/does/not/exist", Log: log},
		Attempts: lease.Deps{Store: table, Bells: messages, Clock: SystemClock{}, Rand: Random(), Timing: timing, Log: log, Failures: 5}, Log: log,
		Meter: metrics.NewMeter(1, SystemClock{}.Monotonic),
	}
	w := &worker{Supervisor: s, jobs: make(chan lease.Claimed, 1), log: log}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(&drain.Cause{Source: drain.Signal, Detail: "test"})
	w.jobs <- *claimed
	close(w.jobs)
	w.refuse(ctx)

	item, err := table.Get(t.Context(), "mail#one")
	if err != nil {
		t.Fatal(err)
	}
	j, err := job.FromItem(item)
	if err != nil || j.State != job.Ready || j.Drains != 1 || j.Failures != 0 || j.Crashes != 0 {
		t.Errorf("state %s, drains %d, failures %d, crashes %d, error %v", j.State, j.Drains, j.Failures, j.Crashes, err)
	}
}
