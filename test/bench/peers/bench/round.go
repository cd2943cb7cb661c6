package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/bench/peers/meter"
	"github.com/worker-tier/worker-tier/test/bench/work"
)

// tuning is how a side is set up for a round.
type tuning struct {
	slots                               int
	lease, heartbeat, sweep, checkpoint time.Duration
}

// atDefaults are the defaults of worker-tier.yaml, with that many slots.
func (b *bench) atDefaults(slots int) tuning {
	j := b.defaults.Job
	return tuning{slots, j.Lease, j.Heartbeat, j.Sweep, j.Checkpoint}
}

// round is one side's queue, table and processes.
type round struct {
	*bench
	side
	tuning
	name     string
	queue    string       // URL
	dead     string       // URL of the dead-letter queue
	journal  string       // file
	meter    *meter.Meter // of the processes
	producer *meter.Meter
	running  []*process
}

// begin makes a round's resources. The caller ends it.
func (b *bench) begin(ctx context.Context, s side, t tuning) (*round, error) {
	b.rounds++
	r := &round{bench: b, side: s, tuning: t, name: fmt.Sprintf("round-%d", b.rounds)}
	r.journal = filepath.Join(b.dir, r.name+".journal")
	var err error
	for _, m := range []**meter.Meter{&r.meter, &r.producer} {
		if *m, err = meter.Start(b.server.Endpoint()); err != nil {
			return nil, err
		}
	}
	for suffix, url := range map[string]*string{"": &r.queue, "-dead": &r.dead} {
		// The visibility timeout is a lease, as the stacks set it.
		out, err := sqs.NewFromConfig(b.aws).CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: aws.String(r.name + suffix), Attributes: map[string]string{"VisibilityTimeout": fmt.Sprint(int(max(time.Second, t.lease).Seconds()))},
		})
		if err != nil {
			return nil, err
		}
		*url = *out.QueueUrl
	}
	return r, s.prepare(ctx, r)
}

// end stops what still runs.
func (r *round) end() {
	for _, p := range r.running {
		p.kill()
	}
	r.meter.Close()
	r.producer.Close()
}

// table is the name of the round's table.
func (r *round) table() string { return r.name }

// submission is the envelope of a job.
type submission struct {
	ID      string       `json:"id"`
	Payload work.Payload `json:"payload"`
}

// jobs are n jobs of the same work, or of that of each.
func jobs(n int, each func(i int) work.Payload) []submission {
	all := make([]submission, n)
	for i := range all {
		all[i] = submission{fmt.Sprintf("j%0*d", meter.IDLength-1, i), each(i)}
	}
	return all
}

// events of a kind in the journal.
func (r *round) events(what work.What) ([]work.Event, error) {
	all, err := work.Read(r.journal)
	if err != nil {
		return nil, err
	}
	var found []work.Event
	for _, e := range all {
		if e.What == what {
			found = append(found, e)
		}
	}
	return found, nil
}

// await waits until the journal has n events of a kind, and returns them.
func (r *round) await(ctx context.Context, what work.What, n int, limit time.Duration) ([]work.Event, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s %s: waited %s for %d jobs to have %s", r.side.label(), r.name, limit, n, what))
	defer cancel()
	for {
		events, err := r.events(what)
		if err != nil || len(events) >= n {
			return events, err
		}
		select {
		case <-ctx.Done():
			return events, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// settle waits until the processes have asked nothing for a while, long polls aside.
func (r *round) settle(ctx context.Context) error {
	const quiet = 700 * time.Millisecond
	for {
		last := r.meter.Requests(func(q meter.Request) bool { return q.Operation != "ReceiveMessage" })
		if len(last) > 0 && time.Since(last[len(last)-1].At) > quiet {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(quiet / 4):
		}
	}
}
