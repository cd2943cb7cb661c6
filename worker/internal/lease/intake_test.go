package lease_test

import (
	"context"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// mutedQueue is a queue that takes no message.
type mutedQueue struct{ *queue.Memory }

func (mutedQueue) Send(context.Context, string, time.Duration) error { return errOutage }

// TestMessageWhoseBellIsNotPassedOnIsKept: a job that is not due yet would be left without a message.
func TestMessageWhoseBellIsNotPassedOnIsKept(t *testing.T) {
	w := newWorld(t)
	w.begin().Report(t.Context(), outcome(protocol.Outcome{Kind: protocol.Later, At: w.clock.Now().Add(5 * time.Minute)}))
	if err := w.queue.Send(t.Context(), `{"bell":"one","epoch":2}`, 0); err != nil {
		t.Fatal(err)
	}
	messages, err := w.queue.Receive(t.Context(), 10, 0)
	if err != nil || len(messages) != 1 {
		t.Fatalf("received %v, error %v", messages, err)
	}
	in := &lease.Intake{Inbox: mutedQueue{w.queue}, Claimer: w.claimer(), Log: w.deps.Log}
	if err := in.Take(t.Context(), messages, func(lease.Claimed) { t.Error("claimed") }); err != nil {
		t.Fatal(err)
	}
	in.DeleteUsed(t.Context())
	w.clock.pass(2 * time.Minute) // its visibility timeout
	if got := w.bells(); len(got) != 1 {
		t.Errorf("bells %v, want the message back", got)
	}
}

// TestMessagesAfterAnOutageAreNotLookedAt: each would wait for the table in vain, and slots with it.
func TestMessagesAfterAnOutageAreNotLookedAt(t *testing.T) {
	w := newWorld(t)
	asked := map[string]bool{}
	w.table.fail = func(op string) bool { asked[op] = true; return true }
	in := &lease.Intake{Inbox: w.queue, Claimer: w.claimer(), Log: w.deps.Log}
	err := in.Take(t.Context(), []queue.Message{message(`{"id":"one","payload":{}}`), message(`{"bell":"two","epoch":3}`)}, func(lease.Claimed) { t.Error("claimed") })
	if err == nil || !asked["claim submission"] || asked["claim"] {
		t.Errorf("error %v, asked for %v", err, asked)
	}
}
