package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// Inbox is the queue as an intake needs it.
type Inbox interface {
	Bells
	Delete(ctx context.Context, messages []queue.Message) error
	Return(ctx context.Context, m queue.Message) error
	Reject(ctx context.Context, m queue.Message, reason string) error
}

// Intake turns received messages into claimed jobs: claim durably, then delete the message. The order
// matters: deleting first loses the job with the worker.
type Intake struct {
	Inbox   Inbox
	Claimer *Claimer
	Log     *slog.Logger
	Tally   *Tally // nil: nobody watches

	used []queue.Message // have done their work, and wait for company to be deleted in
}

// deleteBatch is how many messages a request to SQS deletes at most.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
const deleteBatch = 10

// HoldUsed is how long the messages of a loaded worker may wait for company before [Intake.DeleteUsed] is called. Up to
// nine such waits after another must be well within the visibility timeout, which is a lease.
func HoldUsed(t contract.Timing) time.Duration { return min(time.Second, t.Lease/20) }

// Take claims what the messages announce and hands each job to start as soon as it is claimed; there
// must be a free slot for each message. An error means that the table could not be asked: the messages
// not yet looked at stay in the queue, and the caller stops receiving until the table is back, so that
// an outage cannot wear out a backlog's receive count.
//
// Messages that have done their work are deleted ten at a time: the caller calls [Intake.DeleteUsed] when no
// more are to be expected at once. One that reappears because its worker died before finds its job taken.
func (in *Intake) Take(ctx context.Context, messages []queue.Message, start func(Claimed)) error {
	var failure error
	for _, m := range messages {
		claimed, err := in.Claimer.Take(ctx, m)
		if rejected, ok := errors.AsType[*RejectedError](err); ok {
			in.reject(ctx, m, rejected.Reason)
			continue
		}
		if later, ok := errors.AsType[*LaterError](err); ok {
			if err := in.Inbox.Send(ctx, later.Bell.JSON(), later.In); err != nil { // the message comes back
				in.Log.Warn("bell not passed on", "reason", later.Error(), "error", err.Error())
				continue
			}
			in.Log.Info("bell passed on", "reason", later.Error())
			err = nil
		}
		if err != nil {
			failure = fmt.Errorf("claim the job of message %s: %w", m.ID, err)
			break
		}
		in.used = append(in.used, m)
		if claimed != nil {
			start(*claimed)
		}
	}
	if len(in.used) >= deleteBatch {
		in.DeleteUsed(ctx)
	}
	return failure
}

// DeleteUsed deletes the messages that have done their work.
func (in *Intake) DeleteUsed(ctx context.Context) {
	if len(in.used) == 0 {
		return
	}
	if err := in.Inbox.Delete(ctx, in.used); err != nil { // they come back and find their jobs taken
		in.Log.Warn("messages not deleted", "error", err.Error())
	}
	in.used = nil
}

// Return returns messages that arrived too late to be worked on.
func (in *Intake) Return(ctx context.Context, messages []queue.Message) {
	for _, m := range messages {
		if err := in.Inbox.Return(ctx, m); err != nil { // the visibility timeout returns it
			in.Log.Warn("message not returned", "message", m.ID, "error", err.Error())
		}
	}
}

func (in *Intake) reject(ctx context.Context, m queue.Message, reason string) {
	if err := in.Inbox.Reject(ctx, m, reason); err != nil { // it comes back and is rejected again
		in.Log.Error("message not dead-lettered", "message", m.ID, "reason", reason, "error", err.Error())
		return
	}
	if in.Tally != nil {
		in.Tally.Rejected.Add(1)
	}
	in.Log.Warn("message dead-lettered", "message", m.ID, "reason", reason)
}
