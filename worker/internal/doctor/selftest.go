package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// selfTestLife is how long a self-test's item lives at least; DynamoDB removes it within days after, at no cost.
const selfTestLife = time.Hour

// SelfTest is a job that a worker claims, renews and hands back to prove that it could do so with any other: by the
// same code, with the same permissions, in the same table. It costs three write units and a read.
//
// Nobody else meets it: its id is random, so that any number of instances may test themselves at once; it is in no
// index, so that no sweep, no count and no list sees it; and no bell announces it, so that nobody can claim it.
type SelfTest struct {
	Store       lease.Store
	Clock       lease.Clock
	Rand        *rand.Rand
	ContentType string
	Worker      string // instance id
	Timing      contract.Timing
}

// Run returns the job as it stands in the table after all. The error is the first that the table gave, or says
// what the table did not keep.
func (t SelfTest) Run(ctx context.Context) (job.Job, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	table := &aside{Store: t.Store, clock: t.Clock, end: end}
	timing := t.Timing
	timing.Heartbeat = 0 // the first heartbeat is due at once

	id := fmt.Sprintf("selftest.%016x", t.Rand.Uint64())
	claimer := &lease.Claimer{Store: table, Clock: t.Clock, Rand: t.Rand, ContentType: t.ContentType, Worker: t.Worker, Timing: timing}
	claimed, err := claimer.Take(ctx, queue.Message{ID: id, Body: `{"payload":{}}`})
	if err = cmp.Or(table.failure, err); err != nil {
		return job.Job{}, err
	}
	if claimed == nil {
		return job.Job{}, fmt.Errorf("job %s: its claim was refused, although nobody knows of it", id)
	}
	attempt := lease.Begin(ctx, lease.Deps{
		Store: table, Bells: noBells{}, Clock: t.Clock, Rand: t.Rand, Timing: timing, Log: slog.New(slog.DiscardHandler), Retry: contract.DefaultRetry(),
	}, *claimed, noSlot{})
	if attempt.Tick(ctx); table.failure != nil { // it sends a heartbeat
		return job.Job{}, table.failure
	}
	attempt.Drain("self-test", timing.DrainBudget)
	attempt.Report(ctx, protocol.Report{Outcome: &protocol.Outcome{Kind: protocol.Stopped}}) // hands back
	if table.failure != nil {
		return job.Job{}, table.failure
	}
	return t.verify(ctx, claimed.Job.Key)
}

// verify reads what the claim, the heartbeat and the handback have left.
func (t SelfTest) verify(ctx context.Context, key job.Key) (job.Job, error) {
	item, err := t.Store.Get(ctx, key.String())
	if err != nil {
		return job.Job{}, err
	}
	if item == nil {
		return job.Job{}, fmt.Errorf("job %s: written, but not in the table", key)
	}
	j, err := job.FromItem(item)
	if err != nil {
		return job.Job{}, err
	}
	if j.State != job.Ready || j.Epoch != 2 || j.Heartbeats != 1 || j.Drains != 1 {
		return job.Job{}, fmt.Errorf("job %s: claimed, renewed and handed back, but the table says %s at epoch %d, heartbeat %d, drains %d; want READY at 2, 1, 1",
			key, j.State, j.Epoch, j.Heartbeats, j.Drains)
	}
	return j, nil
}

// aside is the job table for a job that nobody else is to meet: its item stays out of the due index and expires. The
// first call that fails ends the self-test: the tries of the lease's own code are for jobs that would be lost.
type aside struct {
	lease.Store
	clock   lease.Clock
	end     context.CancelFunc
	failure error
}

func (a *aside) Write(ctx context.Context, w job.Write) (job.Item, error) {
	w.Set = maps.Clone(w.Set)
	delete(w.Set, contract.AttrDuePartition)
	delete(w.Set, contract.AttrDueSort)
	w.Set[contract.AttrTTL] = a.clock.Now().Add(selfTestLife).Unix()
	item, err := a.Store.Write(ctx, w)
	if _, refused := errors.AsType[*job.RefusedError](err); err != nil && !refused && a.failure == nil {
		a.failure = err
		a.end()
	}
	return item, err
}

// noBells sends nothing.
type noBells struct{}

func (noBells) Send(context.Context, string, time.Duration) error { return nil }

// noSlot stands where a job's process would.
type noSlot struct{}

func (noSlot) Send(protocol.Order) error { return nil }
func (noSlot) Kill()                     {}
