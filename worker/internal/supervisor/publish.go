package supervisor

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

const (
	// publishInterval is the period of the alarms that read the metrics.
	publishInterval = time.Minute
	// publishTimeout bounds each of the two calls a minute, retries included, so that both end within it.
	publishTimeout = 10 * time.Second
)

// census is what a sweep counted that this worker led.
type census struct {
	sweep.Result
	at time.Duration
}

// publishLoop tells each minute how busy the slots were and what happened to their jobs and, on the worker that
// leads the sweep, how many jobs there are and how long they take. It has a goroutine of its own: nothing waits for it, and a drain
// cuts it. A minute that could not be sent is not made up.
func (s *Supervisor) publishLoop(ctx context.Context) {
	clock := s.Attempts.Clock
	next := clock.Monotonic() + publishInterval
	for clock.Sleep(ctx, next-clock.Monotonic()) == nil {
		s.publish(ctx)
		next += publishInterval
		if now := clock.Monotonic(); next <= now { // the machine was frozen
			next = now + publishInterval
		}
	}
}

func (s *Supervisor) publish(ctx context.Context) {
	usage := s.Meter.Take()
	data := append([]metrics.Datum{metrics.Busy(usage.Percent)}, usage.Counts...)
	if c := s.census.Load(); c != nil && s.Attempts.Clock.Monotonic()-c.at <= publishInterval+2*s.Sweeper.Interval {
		data = append(data, metrics.Jobs(c.Ready, c.Running, c.Dead)...)
		if c.Running > 0 {
			data = append(data, metrics.CheckpointAge(c.OldestCheckpoint))
		}
		if c.JobTime > 0 {
			data = append(data, metrics.MeanJobTime(c.JobTime))
		}
	}
	s.try(ctx, "metrics not published", func(ctx context.Context) error { return s.Metrics.Publish(ctx, data...) })
	if s.Sweeper.JobTime > 0 && (usage.Busy > 0 || usage.Ended > 0) {
		s.try(ctx, "busy time not tallied", func(ctx context.Context) error {
			_, err := s.Sweeper.Store.Write(ctx, sweep.Tally(s.Sweeper.ContentType, usage.Busy, usage.Ended))
			return err
		})
	}
}

// try makes one call and no more of its failure than a line in the log.
func (s *Supervisor) try(ctx context.Context, failed string, call func(context.Context) error) {
	bounded, cancel := s.Attempts.Clock.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := call(bounded); err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, failed, "error", err.Error())
	}
}
