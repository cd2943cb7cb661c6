package loop

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// census is what a sweep counted that this worker led.
type census struct {
	sweep.Result
	at time.Duration
}

func (w *Worker) sweepLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if oldest := w.oldest.Swap(0); oldest != 0 {
			w.Sweeper.Received(time.UnixMilli(oldest))
		}
		began := w.Attempts.Clock.Monotonic()
		result, err := w.Sweeper.Once(ctx)
		w.swept(ctx, result, err)
		_ = w.Attempts.Clock.Sleep(ctx, w.untilNextSweep(began, result))
	}
}

// swept takes note of what a sweep found, for those who ask and for the receiving loop.
func (w *Worker) swept(ctx context.Context, result sweep.Result, err error) {
	w.Meter.Reaped(result.Reaped, result.Ended)
	w.Meter.Rung.Add(int64(result.Rung))
	now := w.Attempts.Clock.Monotonic()
	if err == nil || result.Led { // the table answered
		w.signs.heard.Store(int64(now))
		w.paused.Store(&result.Paused)
		w.othersSick.Store(result.OthersSick || w.othersSick.Load())
		note(&w.signs.unheard, nil)
	} else if ctx.Err() == nil {
		note(&w.signs.unheard, err)
	}
	switch {
	case err != nil:
		if ctx.Err() == nil {
			w.signs.unswept.Add(1)
			w.Log.WarnContext(ctx, "sweep not finished, trying again", "error", err.Error())
		}
	case result.Led:
		w.Log.DebugContext(ctx, "swept", "ready", result.Ready, "running", result.Running, "reaped", result.Reaped, "rung", result.Rung)
		w.census.Store(&census{result, now})
	default:
		w.census.Store(nil)
	}
}

// untilNextSweep is the interval from the beginning of one sweep to that of the next, with jitter so that the workers of
// a type do not look at the control item all at once; less where the job of a dead worker can be reaped before.
func (w *Worker) untilNextSweep(began time.Duration, last sweep.Result) time.Duration {
	interval := w.Attempts.Timing.Sweep
	wait := interval - interval/8 + time.Duration(w.Attempts.Rand.Int64N(int64(interval/4)))
	wait = max(interval/8, began+wait-w.Attempts.Clock.Monotonic())
	if last.RipeIn > 0 {
		wait = min(wait, last.RipeIn)
	}
	return wait
}
