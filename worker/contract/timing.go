package contract

import "time"

// Environment variables that carry [Timing].
const (
	EnvLease       = "WORKER_LEASE"
	EnvHeartbeat   = "WORKER_HEARTBEAT"
	EnvSweep       = "WORKER_SWEEP"
	EnvCheckpoint  = "WORKER_CHECKPOINT"
	EnvDrainBudget = "WORKER_DRAIN_BUDGET"
	EnvStall       = "WORKER_STALL"
)

// Timing is the timing of a content type's jobs, the same for whoever provisions its workers, for the workers and for
// the simulator. All durations are positive.
//
// A new duration needs four files: its field and its variable here, its key with range and default in
// stacks/config/pool.go, a line in stacks/config/resolve.go, and the code that keeps it. The schema of the configuration
// file is generated from the second.
type Timing struct {
	Lease       time.Duration // a holder without a heartbeat for this long has lost its job
	Heartbeat   time.Duration // time between heartbeats, see [Timing.SparesABeat]
	Sweep       time.Duration // time between two sweeps of a content type
	Checkpoint  time.Duration // at most one checkpoint is written per job in this time
	DrainBudget time.Duration // how long a drain waits for steps to reach their boundary
	Stall       time.Duration // a job that shows neither progress nor a checkpoint for this long has failed
}

// SparesABeat reports whether a lease lasts at least two heartbeats: a holder that misses one heartbeat keeps its job.
func (t Timing) SparesABeat() bool { return t.Lease/2 >= t.Heartbeat }

// variables are the durations by the environment variable that carries each.
func (t *Timing) variables() map[string]*time.Duration {
	return map[string]*time.Duration{
		EnvLease: &t.Lease, EnvHeartbeat: &t.Heartbeat, EnvSweep: &t.Sweep, EnvCheckpoint: &t.Checkpoint, EnvDrainBudget: &t.DrainBudget, EnvStall: &t.Stall,
	}
}
