// Package processor is what authors of a content type's work write against. A processor turns a cursor
// into the next cursor: it opens a job at a cursor and does it step by step; what a step has put out is
// durable when the step returns, so that its cursor can be saved and any worker, on any machine, can go
// on from there. The runtime does the rest: claims, leases, retries, drains, restarts.
//
// A step may be done twice: the cursor is saved after it, and a worker can die in between. So a step
// must be idempotent: what it puts out is content-addressed, or is named after the position it starts
// at and the job's epoch.
package processor

import (
	"context"
)

// Processor is one kind of work.
type Processor struct {
	// Name is what a content type's configuration calls it: lower-case letters, digits and hyphens.
	Name string
	// Version is the version of its cursors, from 1. Raise it when releases before this one cannot read
	// the new cursors: they leave such jobs to newer workers. This release must read those of Version-1.
	Version int
	// Payload and Options are values of the types that [Job.DecodePayload] and [Job.DecodeOptions] decode into, for example
	// mailPayload{}. JSON Schemas are derived from them. A job whose payload breaks its schema ends as DEAD with all its
	// mistakes, before Open is called. The options of a content type are checked before the tier is deployed. Keys are those of
	// package encoding/json. Fields without omitempty or omitzero are required, and other keys are mistakes. The tag jsonschema
	// adds rules, for example `jsonschema:"minimum=1,enum=fast,enum=slow"`, and jsonschema_description a description.
	// Payload nil: Open alone checks. Options nil: there are none. Options must be a struct.
	// https://pkg.go.dev/github.com/invopop/jsonschema
	Payload, Options any
	// Open starts or resumes a job. It should return quickly: long work belongs into steps. Temporary files belong into
	// os.TempDir(): the worker makes that folder for the job, and removes it when the job or its process ends.
	Open func(ctx context.Context, job *Job) (Steps, error)
	// Check says why no job can run on this instance, for example because a program is missing. It is called when a slot
	// starts. After an error the instance takes no jobs until a check passes. nil: there is nothing to check.
	Check func() error
}

// Steps does one job from where it was opened.
type Steps interface {
	// Step does the next piece of work: seconds, not minutes, as a drain waits for its end. When it
	// returns, what it has put out is durable. After an error the job goes on later from the last cursor;
	// see [Permanent], [RetryAt] and [ErrStopped] for errors with a meaning.
	Step(ctx context.Context) (Step, error)
	// Close releases what Open took. Its error is only logged: nothing may depend on it, as it is not
	// called when the process dies.
	Close() error
}

// Step is what one step has reached.
type Step struct {
	Cursor   any // where to go on; written as JSON, some hundred bytes at best, at most 128 KiB
	Progress Progress
	Done     bool // the job is finished; Cursor then says what came out of it
}

// Progress is how far a job is.
type Progress struct {
	Done  int64
	Total int64  // 0: not known
	Unit  string // for example "bytes" or "messages"
}

// StepFunc makes [Steps] of a function, for processors that have nothing to close.
type StepFunc func(ctx context.Context) (Step, error)

// Step calls f.
func (f StepFunc) Step(ctx context.Context) (Step, error) { return f(ctx) }

// Close does nothing.
func (f StepFunc) Close() error { return nil }
