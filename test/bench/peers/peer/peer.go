// Package peer is what the programs of the peers are told by the benchmark.
package peer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Environment variables of a peer's program.
const (
	EnvQueueURL   = "BENCH_QUEUE_URL"
	EnvTable      = "BENCH_TABLE"
	EnvSlots      = "BENCH_SLOTS"
	EnvLease      = "BENCH_LEASE"
	EnvHeartbeat  = "BENCH_HEARTBEAT"
	EnvCheckpoint = "BENCH_CHECKPOINT"
)

// Settings of a peer, in the terms of the worker.
type Settings struct {
	QueueURL   string
	Table      string
	Slots      int
	Lease      time.Duration // the visibility timeout
	Heartbeat  time.Duration // how often it is extended, where the peer can
	Checkpoint time.Duration // how often progress is saved at most, where the peer can
}

// Environ renders s as environment variables.
func (s Settings) Environ() []string {
	return []string{
		EnvQueueURL + "=" + s.QueueURL, EnvTable + "=" + s.Table, EnvSlots + "=" + strconv.Itoa(s.Slots),
		EnvLease + "=" + s.Lease.String(), EnvHeartbeat + "=" + s.Heartbeat.String(), EnvCheckpoint + "=" + s.Checkpoint.String(),
	}
}

// FromEnviron reads the settings of this process.
func FromEnviron() (Settings, error) {
	s := Settings{QueueURL: os.Getenv(EnvQueueURL), Table: os.Getenv(EnvTable)}
	var errs []error
	duration := func(name string) time.Duration {
		d, err := time.ParseDuration(os.Getenv(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return d
	}
	s.Lease, s.Heartbeat, s.Checkpoint = duration(EnvLease), duration(EnvHeartbeat), duration(EnvCheckpoint)
	var err error
	if s.Slots, err = strconv.Atoi(os.Getenv(EnvSlots)); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", EnvSlots, err))
	}
	return s, errors.Join(errs...)
}
