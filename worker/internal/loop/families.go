package loop

import (
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// Families are what the loops know beside its meter, for those who read /metrics.
func (w *Worker) Families() []metrics.Family {
	tally := w.Attempts.Tally
	return []metrics.Family{
		{Name: "worker_slots_running", Kind: metrics.Gauge, Help: "Slot processes that run: idle ones and busy ones.", Read: metrics.Count(&w.signs.slots)},
		{Name: "worker_slot_starts_total", Kind: metrics.Counter, Help: "Slot processes started; one that ended or was killed is replaced.", Read: metrics.Count(&w.signs.started)},
		{Name: "worker_slot_start_failures_total", Kind: metrics.Counter, Help: "Starts of slot processes that failed; they are tried again.", Read: metrics.Count(&w.signs.unstarted)},
		{Name: "worker_careful", Kind: metrics.Gauge, Help: "1: each job fails here, so that one is taken at a time until one gets on.", Read: metrics.One(func() float64 { return metrics.Truth(w.care.on()) })},
		{Name: "worker_sick", Kind: metrics.Gauge, Help: "1: a fault of the instance keeps jobs from beginning, so that none is taken until a self-test passes.", Read: metrics.One(func() float64 { return metrics.Truth(w.illness.on()) })},
		{Name: "worker_messages_dead_lettered_total", Kind: metrics.Counter, Help: "Messages put into the dead-letter queue: they break the envelope, or their id is taken by another job.", Read: metrics.Count(&tally.Rejected)},
		{Name: "worker_beats_total", Kind: metrics.Counter, Help: "Leases renewed, those by a checkpoint too.", Read: metrics.Count(&tally.Heartbeats)},
		{Name: "worker_beat_failures_total", Kind: metrics.Counter, Help: "Renewals of leases that got no answer; they are tried again until the lease has run out.", Read: metrics.Count(&tally.FailedHeartbeats)},
		{Name: "worker_checkpoints_total", Kind: metrics.Counter, Help: "Cursors saved.", Read: metrics.Count(&tally.Checkpoints)},
		{Name: "worker_checkpoint_failures_total", Kind: metrics.Counter, Help: "Large cursors that could not be put into the bucket; they are tried again.", Read: metrics.Count(&tally.FailedCheckpoints)},
		{Name: "worker_last_sweep_timestamp_seconds", Kind: metrics.Gauge, Help: "When this worker last swept, or saw that another one does, in seconds since 1970.", Read: w.lastSweep},
		{Name: "worker_sweep_leader", Kind: metrics.Gauge, Help: "1: this worker sweeps for its content type.", Read: metrics.One(func() float64 { return metrics.Truth(w.census.Load() != nil) })},
		{Name: "worker_sweep_failures_total", Kind: metrics.Counter, Help: "Sweeps that were not finished; they are tried again.", Read: metrics.Count(&w.signs.unswept)},
	}
}

// lastSweep reads no value before the first.
func (w *Worker) lastSweep(add metrics.Add) {
	if w.paused.Load() == nil {
		return
	}
	ago := w.Attempts.Clock.Monotonic() - time.Duration(w.signs.heard.Load())
	add(float64(w.Attempts.Clock.Now().Add(-ago).UnixMilli()) / 1000)
}
