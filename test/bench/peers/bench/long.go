package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/test/bench/peers/meter"
	"github.com/worker-tier/worker-tier/test/bench/work"
)

// speed is how much faster an hour passes here: heartbeats, checkpoints and sweeps follow each other this much faster, so
// that as much is written as in a true one. The lease stays as it is: nothing is written because of it.
const speed = 20

// long measures what needs time and leaves the processors alone, all of it at once: what an hour of a job costs,
// and how long the job of a killed worker waits.
func (b *bench) long(ctx context.Context) error {
	var hours []*hour
	for _, s := range sides {
		for _, h := range []*hour{
			{side: s, work: work.Payload{Steps: 1, Pause: (time.Hour / speed).Milliseconds()}},
			{side: s, work: work.Payload{Steps: 3600, Pause: (time.Second / speed).Milliseconds()}, suffix: "_with_checkpoints"},
		} {
			if s.name != machinery.name || h.suffix == "" { // it has no checkpoints
				hours = append(hours, h)
			}
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, h := range hours {
		group.Go(func() error { return h.run(groupCtx, b) })
	}
	waits := make([]time.Duration, len(sides))
	for i, s := range sides {
		group.Go(func() (err error) {
			waits[i], err = b.claimedAgain(groupCtx, s)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, h := range hours {
		h.report(b)
	}
	for i, s := range sides {
		b.figure(s, "claim_after_kill", waits[i].Seconds(), "s")
	}
	return nil
}

// hour is an hour of ten jobs in the ten slots of a worker, which leads its type's sweep.
type hour struct {
	side   side
	suffix string
	work   work.Payload

	jobWrites, typeWrites float64 // write units: of the jobs' items, of the type's control item
	jobReads, typeReads   float64 // read units: of the jobs' items, of index and control item
	extensions            int     // requests that extend visibility timeouts
	hours                 float64 // that the jobs took: on a busy machine more than one
}

const jobsOfHour = 10

func (h *hour) run(ctx context.Context, b *bench) error {
	j := b.defaults.Job
	t := tuning{jobsOfHour, j.Lease, j.Heartbeat / speed, j.Sweep / speed, j.Checkpoint / speed}
	if h.side.rigid {
		t.lease = 2 * time.Hour / speed // it must be longer than any job
	}
	r, err := b.begin(ctx, h.side, t)
	if err != nil {
		return err
	}
	defer r.end()
	if err := r.backlog(ctx, r, jobs(jobsOfHour, func(int) work.Payload { return h.work })); err != nil {
		return err
	}
	p, err := r.start()
	if err != nil {
		return err
	}
	ended, err := r.await(ctx, work.Ended, jobsOfHour, 2*time.Hour/speed)
	if err != nil {
		return fmt.Errorf("%w: %s", err, p.said())
	}
	begun, err := r.events(work.Begun)
	if err != nil {
		return err
	}
	if len(begun) != len(ended) {
		return fmt.Errorf("%s: %d jobs were begun %d times", h.side.label(), len(ended), len(begun))
	}
	h.hours = last(ended).Sub(first(begun)).Hours() * speed
	time.Sleep(r.sweep) // the last writes
	control := func(key string) bool { return strings.HasPrefix(key, "control#") }
	h.typeWrites = r.writes(control)
	h.jobWrites = r.writes(anyKey) - h.typeWrites
	for _, q := range r.meter.Requests(func(q meter.Request) bool { return q.Service == "dynamodb" }) {
		if q.Operation == "BatchGetItem" || q.Operation == "GetItem" && !control(q.Key) {
			h.jobReads += q.Reads
		} else {
			h.typeReads += q.Reads
		}
	}
	h.extensions = len(r.meter.Requests(func(q meter.Request) bool { return q.Operation == "ChangeMessageVisibility" }))
	return nil
}

func (h *hour) report(b *bench) {
	name := func(figure string) string { return figure + h.suffix }
	n := jobsOfHour * h.hours
	b.figure(h.side, name("write_units_per_job_hour"), h.jobWrites/n, "units")
	b.figure(h.side, name("read_units_per_job_hour"), h.jobReads/n, "units")
	if h.side.name == "" {
		b.figure(h.side, name("write_units_per_type_hour"), h.typeWrites/h.hours, "units")
		b.figure(h.side, name("read_units_per_type_hour"), h.typeReads/h.hours, "units")
	} else {
		b.figure(h.side, name("visibility_extensions_per_job_hour"), float64(h.extensions)/n, "requests")
	}
	price := (h.jobWrites*priceOfWriteUnit + h.jobReads*priceOfReadUnit) / n
	b.figure(h.side, name("job_hour_of_instance_price"), 100*price/(priceOfInstance/float64(b.defaults.ProcessesPerInstance)), "%")
}

// claimedAgain measures how long after kill -9 of its worker a job is begun elsewhere, at the default lease, by a
// worker that has nothing to do. Before them comes another one that is busy: of the worker, it leads the sweep. A peer's message comes
// back with its visibility timeout, which for machinery must be longer than any job: hours, where jobs take hours.
func (b *bench) claimedAgain(ctx context.Context, s side) (time.Duration, error) {
	r, err := b.begin(ctx, s, b.atDefaults(1))
	if err != nil {
		return 0, err
	}
	defer r.end()
	endless := func(int) work.Payload { return work.Payload{Steps: 36_000, Pause: 100} }
	to, err := r.sender(ctx, r)
	if err != nil {
		return 0, err
	}
	var victim *process
	sent := jobs(2, endless)
	if s.rigid { // the busy one's message would come back meanwhile
		sent = sent[1:]
	}
	for i, job := range sent {
		if victim, err = r.start(); err != nil {
			return 0, err
		}
		time.Sleep(2 * time.Second) // it is up
		if err := to.send(job); err != nil {
			return 0, err
		}
		if _, err := r.await(ctx, work.Begun, i+1, patience); err != nil {
			return 0, err
		}
	}
	if err := to.close(); err != nil {
		return 0, err
	}
	if _, err := r.start(); err != nil {
		return 0, err
	}
	time.Sleep(b.defaults.Job.Heartbeat + 5*time.Second) // somewhere between two heartbeats
	victim.kill()
	killed := time.Now()
	begun, err := r.await(ctx, work.Begun, len(sent)+1, patience)
	if err != nil {
		return 0, err
	}
	return last(begun).Sub(killed), nil
}
