package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/test/bench/peers/meter"
	"github.com/worker-tier/worker-tier/test/bench/work"
)

// patience is how long a part waits for its jobs; they take seconds.
const patience = 3 * time.Minute

// load is a backlog of short jobs that stands in the queue before a worker starts.
type load struct {
	name  string // ends the names of its figures
	slots int
	jobs  int
	work  func(i int) work.Payload
}

func noOp(int) work.Payload { return work.Payload{Steps: 1} }

// short measures saturated workers: the requests and units of jobs that do nothing, and the requests of jobs that end
// at different times.
func (b *bench) short(ctx context.Context) error {
	random := rand.New(rand.NewPCG(8, 4)) // the same jobs for all sides
	pauses := make([]int64, 600)
	for i := range pauses {
		pauses[i] = 20 + random.Int64N(160)
	}
	loads := []load{
		{"10_slots", 10, 2000, noOp},
		{fmt.Sprintf("%d_slots", b.defaults.ProcessesPerInstance), b.defaults.ProcessesPerInstance, 1000, noOp},
		{"10_slots_of_20_to_180_ms", 10, len(pauses), func(i int) work.Payload { return work.Payload{Steps: 1, Pause: pauses[i]} }},
	}
	for _, l := range loads {
		for _, s := range sides {
			if _, err := b.saturate(ctx, s, l, b.figure); err != nil {
				return fmt.Errorf("%s: %w", s.label(), err)
			}
		}
	}
	return nil
}

// cpu measures the processor time per job that does nothing: the least of six turns of each side, as what else the machine does
// only adds to it, less what a worker takes that runs as long without jobs.
func (b *bench) cpu(ctx context.Context) error {
	const turns = 6
	l := load{"10_slots", 10, 600, noOp}
	least := map[string]time.Duration{}
	for range turns {
		for _, s := range sides {
			p, err := b.saturate(ctx, s, l, func(side, string, float64, string) {})
			if err != nil {
				return fmt.Errorf("%s: %w", s.label(), err)
			}
			idle, err := b.idleCPU(ctx, s, l.slots, p.lived)
			if err != nil {
				return fmt.Errorf("%s: %w", s.label(), err)
			}
			if took := p.cpu() - idle; least[s.name] == 0 || took < least[s.name] {
				least[s.name] = took
			}
		}
	}
	for _, s := range sides {
		b.figure(s, "cpu_per_job", float64(least[s.name].Microseconds())/float64(l.jobs), "µs")
	}
	return nil
}

// saturate has one worker do a load, hands its figures to figure and returns its ended process.
func (b *bench) saturate(ctx context.Context, s side, l load, figure func(side, string, float64, string)) (*process, error) {
	r, err := b.begin(ctx, s, b.atDefaults(l.slots))
	if err != nil {
		return nil, err
	}
	defer r.end()
	if err := s.backlog(ctx, r, jobs(l.jobs, l.work)); err != nil {
		return nil, err
	}
	p, err := r.start()
	if err != nil {
		return nil, err
	}
	ended, err := r.await(ctx, work.Ended, l.jobs, patience)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, p.said())
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	begun, err := r.events(work.Begun)
	if err != nil {
		return nil, err
	}
	if len(begun) != l.jobs {
		return nil, fmt.Errorf("%d jobs were begun %d times", l.jobs, len(begun))
	}
	if err := r.stopIdle(p); err != nil {
		return nil, err
	}
	n := float64(l.jobs)
	queue := r.meter.Requests(func(q meter.Request) bool { return q.Service == "sqs" })
	figure(s, "sqs_requests_per_job_"+l.name, float64(len(queue))/n, "requests")
	figure(s, "jobs_per_second_"+l.name, n/last(ended).Sub(first(begun)).Seconds(), "jobs/s")
	if l.name == "10_slots" {
		figure(s, "write_units_per_short_job", r.writes(anyKey)/n, "units")
	}
	return p, nil
}

// idleCPU is the processor time of a worker that starts, finds no job for a while and ends.
func (b *bench) idleCPU(ctx context.Context, s side, slots int, while time.Duration) (time.Duration, error) {
	r, err := b.begin(ctx, s, b.atDefaults(slots))
	if err != nil {
		return 0, err
	}
	defer r.end()
	p, err := r.start()
	if err != nil {
		return 0, err
	}
	time.Sleep(while)
	if err := r.stopIdle(p); err != nil {
		return 0, err
	}
	return p.cpu(), nil
}

func anyKey(string) bool { return true }

// writes are the write units of all that was done about items, by whomever.
func (r *round) writes(about func(key string) bool) float64 {
	sum := 0.0
	for _, m := range []*meter.Meter{r.meter, r.producer} {
		for _, q := range m.Requests(func(q meter.Request) bool { return about(q.Key) }) {
			sum += q.Writes
		}
	}
	return sum
}

func first(events []work.Event) time.Time {
	return slices.MinFunc(events, func(a, b work.Event) int { return a.At.Compare(b.At) }).At
}

func last(events []work.Event) time.Time {
	return slices.MaxFunc(events, func(a, b work.Event) int { return a.At.Compare(b.At) }).At
}
