package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/test/bench/work"
)

// latency measures the time from a producer's call to the first line of the job, of a worker with idle slots that
// gets twenty jobs a second.
func (b *bench) latency(ctx context.Context) error {
	const every, n = 50 * time.Millisecond, 300
	for _, s := range sides {
		r, err := b.begin(ctx, s, b.atDefaults(10))
		if err != nil {
			return err
		}
		if err := r.trickle(ctx, every, n); err != nil {
			r.end()
			return fmt.Errorf("%s: %w", s.label(), err)
		}
		begun, err := r.await(ctx, work.Begun, n, patience)
		r.end()
		if err != nil {
			return err
		}
		waits := make([]time.Duration, len(begun))
		for i, e := range begun {
			waits[i] = e.At.Sub(e.Sent)
		}
		slices.Sort(waits)
		b.figure(s, "send_to_claim_p50", milliseconds(waits[len(waits)/2]), "ms")
		b.figure(s, "send_to_claim_p99", milliseconds(waits[len(waits)*99/100]), "ms")
	}
	return nil
}

// trickle starts a worker and sends it n no-op jobs, one at a time.
func (r *round) trickle(ctx context.Context, every time.Duration, n int) error {
	if _, err := r.start(); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // it is up
	to, err := r.sender(ctx, r)
	if err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for _, s := range jobs(n, noOp) {
		<-tick.C
		if err := to.send(s); err != nil {
			return errors.Join(err, to.close())
		}
	}
	return to.close()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
