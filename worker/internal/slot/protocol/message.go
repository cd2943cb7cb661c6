// Package protocol is what a supervisor and a slot exchange: orders to the slot, reports from it. It holds the messages
// and their bounds. Package slot carries them between processes, as JSON lines.
package protocol

import (
	"encoding/json"
	"errors"
	"time"
)

// Version of the messages in this release, see [Ready].
const Version = 1

// ErrKilled is wrapped by the reason for a slot's end after its supervisor killed it.
var ErrKilled = errors.New("killed by the supervisor")

// ErrUnencodable is wrapped by the error about an order that no slot can be sent: it is no JSON, or too long.
var ErrUnencodable = errors.New("it cannot be encoded as an order")

// ErrInstance is wrapped by errors that are the fault of the instance: the processor or the program has not had the job.
var ErrInstance = errors.New("the instance cannot begin a job")

// Instance marks err as the fault of the instance, see [ErrInstance]. Its text stays.
func Instance(err error) error { return &instanceError{err} }

type instanceError struct{ error }

func (e *instanceError) Unwrap() []error { return []error{e.error, ErrInstance} }

// Assignment is the job that a supervisor hands to a slot.
type Assignment struct {
	ID            string          `json:"id"`
	ContentType   string          `json:"contentType"`
	Tenant        string          `json:"tenant,omitempty"`
	Epoch         int64           `json:"epoch"` // fencing token: outputs that are not content-addressed carry it in their name
	Payload       json.RawMessage `json:"payload"`
	Cursor        json.RawMessage `json:"cursor,omitempty"`        // absent: from the start
	CursorVersion string          `json:"cursorVersion,omitempty"` // "<processor>@<version>" that wrote Cursor
	Progress      Progress        `json:"progress"`
	Folder        string          `json:"folder,omitempty"`    // for temporary files: empty, and removed when the job or the slot ends
	KnowsSick     bool            `json:"knowsSick,omitempty"` // the supervisor can read the outcome [Sick] and wants a first report of progress at once
	Deadline      time.Duration   `json:"deadline"`            // absolute, on the clock of internal/monotonic, in nanoseconds
}

// Progress is how far a job is. Total 0: not known yet.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"`
	Unit  string `json:"unit,omitempty"` // for example "bytes", "messages"
}

// Order is one line to a slot; exactly one field is set.
type Order struct {
	Run      *Assignment `json:"run,omitempty"`
	Deadline *Deadline   `json:"deadline,omitempty"`
	Drain    *Drain      `json:"drain,omitempty"`
}

// Deadline moves the moment past which the slot must have ended itself and its program.
type Deadline struct {
	At time.Duration `json:"at"` // absolute, on the clock of internal/monotonic
}

// Drain asks the slot to stop at the next step boundary and to answer with [Stopped].
type Drain struct {
	Cause string        `json:"cause"`
	At    time.Duration `json:"at"` // absolute: when the budget ends and the slot will be killed
}

// Report is one line from a slot; exactly one field is set.
type Report struct {
	Ready      *Ready      `json:"ready,omitempty"`
	Progress   *Progress   `json:"progress,omitempty"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Outcome    *Outcome    `json:"outcome,omitempty"`
}

// Ready is the first line of a slot: it can take jobs.
type Ready struct {
	Protocol  int    `json:"protocol"`
	Processor string `json:"processor"` // "<processor>@<version>"
}

// Checkpoint is a cursor whose outputs are durable.
type Checkpoint struct {
	Cursor   json.RawMessage `json:"cursor"`
	Version  string          `json:"version"` // "<processor>@<version>"
	Progress Progress        `json:"progress"`
}

// Kind says how a slot's work on a job ended.
type Kind string

// How a job can leave a slot.
const (
	Done      Kind = "done"      // the job is finished
	Stopped   Kind = "stopped"   // stopped at a step boundary because the slot was asked to
	Retry     Kind = "retry"     // failed, worth another attempt
	Permanent Kind = "permanent" // can never succeed: the payload is bad, the source is gone
	Later     Kind = "later"     // not a failure: come back at time At
	Unfit     Kind = "unfit"     // this release cannot read the cursor: leave the job to another worker, uncounted
	Sick      Kind = "sick"      // the instance could not begin the job: leave it to another worker, uncounted
)

// Known reports whether this release knows the kind.
func (k Kind) Known() bool {
	switch k {
	case Done, Stopped, Retry, Permanent, Later, Unfit, Sick:
		return true
	}
	return false
}

// Outcome is the last line about a job; the slot is idle after it.
type Outcome struct {
	Kind       Kind        `json:"kind"`
	Error      string      `json:"error,omitempty"`
	At         time.Time   `json:"at,omitzero"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"` // the last durable cursor, newer than the last one sent
}
