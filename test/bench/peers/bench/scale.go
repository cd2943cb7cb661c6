package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/test/bench/peers/meter"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Jobs of the scale run.
const (
	manyReady   = 100_000
	manyRunning = 1_000
)

// scale measures one sweep of a type with many jobs, of which none is due: READY ones that wait for their message,
// RUNNING ones that send heartbeats. The time is the local AWS's, which goes through the whole index for each query.
func (b *bench) scale(ctx context.Context) error {
	r, err := b.begin(ctx, theWorker, b.atDefaults(b.defaults.ProcessesPerInstance))
	if err != nil {
		return err
	}
	defer r.end()
	if err := r.fill(ctx); err != nil {
		return err
	}
	p, err := r.start("--debug")
	if err != nil {
		return err
	}
	if err := r.swept(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, p.said())
	}
	sweep := r.meter.Requests(func(q meter.Request) bool { return q.Service == "dynamodb" })
	reads := map[string]float64{}
	for _, q := range sweep {
		reads[q.Operation] += q.Reads
	}
	end := sweep[len(sweep)-1]
	b.figure(theWorker, "sweep_of_101000_jobs_read_units", reads["Query"]+reads["BatchGetItem"], "units")
	b.figure(theWorker, "sweep_of_101000_jobs_read_units_of_running", reads["BatchGetItem"], "units")
	b.figure(theWorker, "sweep_of_101000_jobs_requests", float64(len(sweep)), "requests")
	b.figure(theWorker, "sweep_of_101000_jobs", end.At.Add(end.Took).Sub(sweep[0].At).Seconds(), "s")
	return nil
}

// fill writes the jobs into the table, as the worker would have.
func (r *round) fill(ctx context.Context) error {
	client := dynamodb.NewFromConfig(r.aws)
	now := time.Now()
	var group errgroup.Group
	group.SetLimit(4)
	var batch []types.WriteRequest
	flush := func() {
		full := batch
		batch = nil
		group.Go(func() error {
			out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{r.table(): full}})
			if err == nil && len(out.UnprocessedItems) > 0 {
				err = fmt.Errorf("%d items were not written", len(out.UnprocessedItems[r.table()]))
			}
			return err
		})
	}
	for i := range manyReady + manyRunning {
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: jobItem(i, now)}})
		if len(batch) == 25 {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	return group.Wait()
}

// jobItem is the item of job i: the first ones are RUNNING.
func jobItem(i int, now time.Time) map[string]types.AttributeValue {
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	number := func(v int64) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(v)} }
	ringAt := now.Add(time.Hour).UnixMilli()
	item := map[string]types.AttributeValue{
		contract.AttrKey:          text(fmt.Sprintf("%s#j%0*d", contentType, meter.IDLength-1, i)),
		contract.AttrDuePartition: text(contract.DuePartition(contentType, i%contract.DueShards)),
		contract.AttrState:        text("READY"), contract.AttrEpoch: number(0), contract.AttrHeartbeats: number(0), contract.AttrSeq: number(0),
		contract.AttrNotBefore: number(0), contract.AttrRings: number(0), contract.AttrDrains: number(0), contract.AttrCrashes: number(0), contract.AttrFailures: number(0),
		contract.AttrSchema: number(contract.SchemaPlain), contract.AttrCreatedAt: number(now.UnixMilli()), contract.AttrUpdatedAt: number(now.UnixMilli()),
		contract.AttrPayload: text(`{"sent":0,"steps":1,"pause":0}`), contract.AttrRingAt: number(ringAt),
		contract.AttrDueSort: text(fmt.Sprintf("%s%013d", contract.DueReady, ringAt)),
	}
	if i < manyRunning {
		delete(item, contract.AttrRingAt)
		item[contract.AttrState], item[contract.AttrEpoch] = text("RUNNING"), number(1)
		item[contract.AttrOwner], item[contract.AttrLease] = text("i-0123456789abcdef0/0123456789abcdef"), number(time.Minute.Milliseconds())
		item[contract.AttrDueSort] = text(contract.DueRunning)
	}
	return item
}

// swept waits until the worker's first sweep is over: it lists what is due last of all, and then says so.
func (r *round) swept(ctx context.Context) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.running[0].printed(`"msg":"swept","instance"`) {
			return nil
		}
	}
	return fmt.Errorf("the worker has not swept after %s", patience)
}
