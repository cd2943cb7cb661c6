package lease

import (
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Outcome is how an attempt ended.
type Outcome int

// The outcomes. Done, Dead and Cancelled end the job; after all others it goes on elsewhere or later.
const (
	Unended   Outcome = iota // the attempt goes on
	Done                     // the job is finished
	Dead                     // bad for good, or failed too often
	Cancelled                // an operator wished it
	Drained                  // handed back because the worker drains
	Failed                   // handed back, to be tried again after a pause
	Paused                   // handed back because the job is paused
	Returned                 // handed back for later, for another release or for another instance; no fault of the job
	Expired                  // the lease ran out before it could be renewed, or the end be written
	Refused                  // the table refused the write: another holds the job, or a first try of the write had been applied
)

// Outcomes are the names of the outcomes, in their order.
var Outcomes = [...]string{"", "done", "dead", "cancelled", "drained", "failed", "paused", "returned", "expired", "refused"}

func (o Outcome) String() string { return Outcomes[o] }

// Final reports whether the job ended with the attempt.
func (o Outcome) Final() bool { return o >= Done && o <= Cancelled }

// Ending is the outcome of an attempt that brings its job to a terminal state.
func Ending(s job.State) Outcome {
	switch s {
	case job.Done:
		return Done
	case job.Dead:
		return Dead
	}
	return Cancelled
}

// Tally counts what an intake and its attempts did, for those who watch.
type Tally struct {
	Rejected          atomic.Int64 // messages put into the dead-letter queue
	Heartbeats        atomic.Int64 // leases that were renewed, those by a checkpoint too
	FailedHeartbeats  atomic.Int64 // renewals without an answer; they are tried again
	Checkpoints       atomic.Int64 // cursors that were saved, with a heartbeat or with the end
	FailedCheckpoints atomic.Int64 // cursors that could not be put into the bucket; they are tried again
}

// Account is what an attempt came to.
type Account struct {
	Job     job.Job // as the table last answered
	Outcome Outcome
	Failed  bool          // the attempt counted as a failure of the job
	Fault   string        // the instance's, for which the job was not begun; "": there was none
	Lasted  time.Duration // from the claim to the end
	Again   time.Duration // so long a part of it the next attempt does again: it is in no saved cursor
	Units   int64         // of the job's unit, by which it got on
	Unit    string
}

// Account is what the attempt came to, once it is over.
func (a *Attempt) Account() Account {
	progress, now := a.Progress(), a.Clock.Monotonic()
	account := Account{Job: a.job, Outcome: a.outcome, Failed: a.hasFailed, Fault: a.fault, Lasted: now - a.beganAt, Units: progress.Done - a.doneBefore, Unit: progress.Unit}
	if a.begun && !a.outcome.Final() {
		account.Again = now - a.durableAt
	}
	return account
}

// durable takes note that the cursor which the slot reported at that time is saved.
func (a *Attempt) durable(reportedAt time.Duration) {
	a.durableAt = reportedAt
	a.Tally.Checkpoints.Add(1)
}
