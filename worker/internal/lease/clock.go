// Package lease claims jobs, keeps them while they run and gives them up. It is sequential code that is
// handed its store, queue, clock and randomness: the supervisor (or the simulator) calls it, one event
// at a time; it starts no goroutine and no process.
package lease

import (
	"context"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Clock is the time as the protocol needs it.
type Clock interface {
	Now() time.Time           // wall clock, only for times that are stored
	Monotonic() time.Duration // never jumps; leases run on it
	Sleep(ctx context.Context, d time.Duration) error
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// Store is the job table as a claimer and a holder need it.
type Store interface {
	// Write applies a write and returns the item after it, nil if the write is unread, or returns a *job.RefusedError; any
	// other error leaves the outcome unknown.
	Write(ctx context.Context, w job.Write) (job.Item, error)
	// Get reads one item consistently; nil: there is none.
	Get(ctx context.Context, key string) (job.Item, error)
}

// Bells sends the messages that announce jobs.
type Bells interface {
	Send(ctx context.Context, body string, delay time.Duration) error
}

// Blobs keeps what is too large for an item. What is written under a name never changes.
type Blobs interface {
	Put(ctx context.Context, key string, content []byte) error // durable when it returns
	Get(ctx context.Context, key string) ([]byte, error)       // wraps blob.ErrMissing where there is none
	Delete(ctx context.Context, key string) error
}

// callLimit bounds one call to the table with all the SDK's tries: well within the lease, so that a late
// answer finds the holder still a holder.
func callLimit(t contract.Timing) time.Duration { return t.Lease / 4 }
