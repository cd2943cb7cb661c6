package main

import (
	"context"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/test/bench/work"
)

// idle measures what a worker without jobs holds, at the default number of slots.
func (b *bench) idle(ctx context.Context) error {
	for _, s := range sides {
		r, err := b.begin(ctx, s, b.atDefaults(b.defaults.ProcessesPerInstance))
		if err != nil {
			return err
		}
		p, err := r.start()
		if err != nil {
			return err
		}
		time.Sleep(5 * time.Second)
		resident, all, err := p.memory()
		r.end()
		if err != nil {
			return err
		}
		const mega = 1e6
		b.figure(s, "idle_memory", float64(all)/mega, "MB")
		b.figure(s, "idle_memory_of_main_process", float64(resident)/mega, "MB")
	}
	return nil
}

// drain measures from SIGTERM to the end of a worker with ten jobs in progress, which have steps of 100 ms and some
// eight seconds left. Machinery has no way to stop a task: it waits for the end of all, and of its long poll.
func (b *bench) drain(ctx context.Context) error {
	const n = 10
	for _, s := range sides {
		r, err := b.begin(ctx, s, b.atDefaults(n))
		if err != nil {
			return err
		}
		took, err := r.drained(ctx, n)
		r.end()
		if err != nil {
			return fmt.Errorf("%s: %w", s.label(), err)
		}
		b.figure(s, "drain_of_10_jobs", took.Seconds(), "s")
	}
	return nil
}

func (r *round) drained(ctx context.Context, n int) (time.Duration, error) {
	if err := r.backlog(ctx, r, jobs(n, func(int) work.Payload { return work.Payload{Steps: 100, Pause: 100} })); err != nil {
		return 0, err
	}
	p, err := r.start()
	if err != nil {
		return 0, err
	}
	if _, err := r.await(ctx, work.Begun, n, patience); err != nil {
		return 0, err
	}
	time.Sleep(2 * time.Second)
	return r.stop(p)
}
