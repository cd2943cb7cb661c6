package queue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

// visibility is a visibility timeout that cases wait for. It leaves a busy machine time to delete what it has received.
const visibility = 2 * time.Second

// collect receives until n messages are there, as body → message; SQS may answer with fewer than there are.
func collect(t *testing.T, q messages, n int) map[string]queue.Message {
	t.Helper()
	got := map[string]queue.Message{}
	for end := time.Now().Add(5 * time.Minute); len(got) < n && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, m := range receive(t, q, 10) {
			if before, again := got[m.Body]; again {
				t.Fatalf("received twice: %+v and %+v", before, m)
			}
			got[m.Body] = m
		}
	}
	if len(got) != n {
		t.Fatalf("received %d messages, want %d", len(got), n)
	}
	return got
}

func TestDelayedMessageComesInTime(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		start := time.Now()
		const delay = 1100 * time.Millisecond // SQS counts whole seconds: never earlier than asked for
		if err := q.Send(t.Context(), "later", delay); err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		m := collect(t, q, 1)["later"]
		if passed := time.Since(start); passed < delay {
			t.Errorf("received after %s, want %s or more", passed, delay)
		}
		if m.SentAt.Before(start.Add(-time.Millisecond)) || m.SentAt.After(sent) {
			t.Errorf("sent at %s, want the time of sending, %s to %s, not of its coming", m.SentAt, start, sent)
		}
		if err := q.Send(t.Context(), "much later", queue.MaxDelay); err != nil {
			t.Error(err)
		}
	})
}

// TestHiddenMessageComesBack: what is neither deleted nor returned is received again after the
// visibility timeout, as the same message.
func TestHiddenMessageComesBack(t *testing.T) {
	forEach(t, visibility, func(t *testing.T, q fixture) {
		send(t, q, "one", "two")
		start := time.Now()
		first := collect(t, q, 2)
		if err := q.Delete(t.Context(), []queue.Message{first["two"]}); err != nil {
			t.Fatal(err)
		}
		second := collect(t, q, 1)
		if passed := time.Since(start); passed < visibility-50*time.Millisecond {
			t.Errorf("came back after %s, want %s", passed, visibility)
		}
		m := second["one"]
		if m.ID != first["one"].ID || !m.SentAt.Equal(first["one"].SentAt) || m.Receives != 2 {
			t.Errorf("came back as %+v, was %+v", m, first["one"])
		}
		if err := q.Delete(t.Context(), []queue.Message{m}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(visibility + 200*time.Millisecond)
		if got := receive(t, q, 10); len(got) != 0 {
			t.Errorf("received %+v after it was deleted", got)
		}
	})
}

// TestBatchPartlyGoneIsDeleted: what of a batch is gone already must keep nothing else alive. Whether it is
// an error is left open: SQS calls it success.
func TestBatchPartlyGoneIsDeleted(t *testing.T) {
	forEach(t, visibility, func(t *testing.T, q fixture) {
		send(t, q, "a", "b", "c")
		got := collect(t, q, 3)
		if err := q.Delete(t.Context(), []queue.Message{got["b"]}); err != nil {
			t.Fatal(err)
		}
		if err := q.Delete(t.Context(), []queue.Message{got["a"], got["b"], got["c"]}); err != nil {
			t.Logf("left open: %v", err)
		}
		time.Sleep(visibility + 200*time.Millisecond)
		if again := receive(t, q, 10); len(again) != 0 {
			t.Errorf("received %+v, all were deleted", again)
		}
		if err := q.Delete(t.Context(), nil); err != nil {
			t.Errorf("delete of nothing: %v", err)
		}
	})
}

func TestReceiveGivesNoMoreThanAsked(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		var bodies []string
		for i := range 20 {
			bodies = append(bodies, fmt.Sprint(i))
		}
		send(t, q, bodies...)
		if got := receive(t, q, 3); len(got) == 0 || len(got) > 3 {
			t.Errorf("received %d messages, asked for 3", len(got))
		}
		// Asked for more than a request can give, an answer is no larger than SQS's.
		if got := receive(t, q, 25); len(got) == 0 || len(got) > 10 {
			t.Errorf("received %d messages, at most 10 come at once", len(got))
		}
	})
}

// TestLateReturn: a worker returns a message of which it was too late, or which is deleted. Neither
// brings a message back twice; whether it is an error is left open.
func TestLateReturn(t *testing.T) {
	forEach(t, visibility, func(t *testing.T, q fixture) {
		send(t, q, "one")
		first := collect(t, q, 1)["one"]
		second := collect(t, q, 1)["one"]
		if err := q.Return(t.Context(), first); err != nil {
			t.Logf("left open: %v", err)
		}
		if err := q.Delete(t.Context(), []queue.Message{second}); err != nil {
			t.Fatal(err)
		}
		if err := q.Return(t.Context(), second); err != nil {
			t.Logf("left open: %v", err)
		}
		if got := receive(t, q, 10); len(got) != 0 {
			t.Errorf("received %+v, it was deleted", got)
		}
	})
}

func TestBodiesArriveAsTheyWere(t *testing.T) {
	bodies := map[string]string{
		"text":      "ä € 🙂 \t\r\n \"quoted\" & <tag> \\ \u2028",
		"the limit": strings.Repeat("x", 1<<20), // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	}
	forEach(t, hidden, func(t *testing.T, q fixture) {
		for name, body := range bodies {
			if err := q.Send(t.Context(), body, 0); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		got := collect(t, q, len(bodies))
		for name, body := range bodies {
			if _, ok := got[body]; !ok {
				t.Errorf("%s: came as another body", name)
			}
		}
	})
}

func TestRejectedMessagesKeepTheirReasons(t *testing.T) {
	want := map[string]string{
		"plain":   "payload: is missing",
		"long":    strings.Repeat("reason ", 40),
		"foreign": "id \"ä€🙂\": want letters",
	}
	forEach(t, hidden, func(t *testing.T, q fixture) {
		for body := range maps.Keys(want) {
			send(t, q, body)
		}
		for body, m := range collect(t, q, len(want)) {
			if err := q.Reject(t.Context(), m, want[body]); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, q.rejected(t)); diff != "" {
			t.Errorf("dead-letter queue (-want +got):\n%s", diff)
		}
		if n := visible(t, q); n != 0 {
			t.Errorf("%d visible, want none", n)
		}
	})
}

// TestCancelledCallsFail: a drain cuts calls; none of them may look like success.
func TestCancelledCallsFail(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		send(t, q, "one")
		m := collect(t, q, 1)["one"]
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, received := q.Receive(ctx, 1, time.Second)
		_, counted := q.Visible(ctx)
		for name, err := range map[string]error{
			"send": q.Send(ctx, "two", 0), "receive": received, "delete": q.Delete(ctx, []queue.Message{m}),
			"return": q.Return(ctx, m), "reject": q.Reject(ctx, m, "no"), "visible": counted,
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := visible(t, q); n != 0 || len(q.rejected(t)) != 0 {
			t.Errorf("%d messages are visible and %v rejected", n, q.rejected(t))
		}
	})
}

// TestLongPollSeesWhatIsSentMeanwhile; memory, which has no time of its own, does not wait.
func TestLongPollSeesWhatIsSentMeanwhile(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		if _, memory := q.messages.(*queue.Memory); memory {
			if got, err := q.Receive(t.Context(), 1, time.Hour); err != nil || len(got) != 0 {
				t.Errorf("received %v (%v) from an empty queue", got, err)
			}
			return
		}
		sent := make(chan error, 1)
		go func() {
			time.Sleep(300 * time.Millisecond)
			sent <- q.Send(t.Context(), "one", 0)
		}()
		start := time.Now()
		got, err := q.Receive(t.Context(), 1, 20*time.Second)
		if err != nil || len(got) != 1 || time.Since(start) > 10*time.Second {
			t.Errorf("received %v (%v) after %s", got, err, time.Since(start))
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}
