package loop

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

const (
	// publishInterval is the period of the alarms that read the metrics.
	publishInterval = time.Minute
	// publishTimeout bounds each of the two calls a minute, retries included, so that both end within it.
	publishTimeout = 10 * time.Second
)

// publishLoop publishes each minute how busy the slots were and what happened to their jobs and, on the worker that leads
// the sweep, how many jobs there are and how long they take. Nothing waits for it, and a drain cuts it. A minute that could
// not be sent is not made up.
func (w *Worker) publishLoop(ctx context.Context) {
	clock := w.Attempts.Clock
	next := clock.Monotonic() + publishInterval
	for clock.Sleep(ctx, next-clock.Monotonic()) == nil {
		w.publish(ctx)
		next += publishInterval
		if now := clock.Monotonic(); next <= now { // the machine was frozen
			next = now + publishInterval
		}
	}
}

func (w *Worker) publish(ctx context.Context) {
	usage := w.Meter.Take()
	if w.Metrics != nil {
		w.try(ctx, "metrics not published", func(ctx context.Context) error { return w.Metrics.Publish(ctx, w.data(usage)...) })
	}
	if w.othersSick.Swap(false) && !w.illness.on() {
		w.try(ctx, "not reported that the instance is well", w.Sweeper.ReportWell)
	}
	if usage.Busy > 0 || usage.Ended > 0 {
		w.try(ctx, "busy time not tallied", func(ctx context.Context) error { return w.Sweeper.Tally(ctx, usage.Busy, usage.Ended) })
	}
}

// data is what is published of a minute.
func (w *Worker) data(usage metrics.Usage) []metrics.Datum {
	data := append([]metrics.Datum{metrics.Busy(usage.Percent)}, usage.Counts...)
	if w.illness.on() {
		data = append(data, metrics.Sick())
	}
	if w.care.on() {
		data = append(data, metrics.Careful())
	}
	c := w.census.Load()
	if c == nil || w.Attempts.Clock.Monotonic()-c.at > publishInterval+2*w.Attempts.Timing.Sweep {
		return data
	}
	data = append(data, metrics.Jobs(c.Ready, c.Running, c.Dead)...)
	if c.Running > 0 {
		data = append(data, metrics.CheckpointAge(c.OldestCheckpoint))
	}
	if c.JobTime != nil {
		data = append(data, metrics.JobTime(c.JobTime.Busy, c.JobTime.Ended))
	}
	return data
}

// try makes one call and no more of its failure than a line in the log.
func (w *Worker) try(ctx context.Context, failed string, call func(context.Context) error) {
	bounded, cancel := w.Attempts.Clock.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := call(bounded); err != nil && ctx.Err() == nil {
		w.Log.WarnContext(ctx, failed, "error", err.Error())
	}
}
