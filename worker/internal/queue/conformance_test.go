package queue_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

type messages interface {
	Send(ctx context.Context, body string, delay time.Duration) error
	Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error)
	Delete(ctx context.Context, messages []queue.Message) error
	Return(ctx context.Context, m queue.Message) error
	Reject(ctx context.Context, m queue.Message, reason string) error
	Visible(ctx context.Context) (int, error)
}

// fixture is a queue and a way to see its dead-letter queue as body → reason.
type fixture struct {
	messages
	rejected func(t *testing.T) map[string]string
	deadEnd  messages // the same queue, whose dead-letter queue takes nothing; nil: that cannot be
}

// implementations are held to the same cases, each case on a queue of its own with that visibility timeout.
var implementations = map[string]func(t *testing.T, visibility time.Duration) fixture{
	"memory": newMemory,
	"local AWS": func(t *testing.T, visibility time.Duration) fixture {
		cfg := localaws.StartT(t).ConfigT(t)
		return newSQS(t, cfg, visibility)
	},
}

func newMemory(_ *testing.T, visibility time.Duration) fixture {
	q := queue.NewMemory(time.Now, visibility)
	return fixture{messages: q, rejected: func(*testing.T) map[string]string {
		reasons := map[string]string{}
		for _, r := range q.Rejected() {
			reasons[r.Body] = r.Reason
		}
		return reasons
	}}
}

func newSQS(t *testing.T, cfg aws.Config, visibility time.Duration) fixture {
	client := sqs.NewFromConfig(cfg)
	create := func(name string) string {
		out := localaws.Call(t, client.CreateQueue, &sqs.CreateQueueInput{
			QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": fmt.Sprint(int(visibility.Seconds()))},
		})
		return *out.QueueUrl
	}
	name := "q-" + rand.Text()
	url, dead := create(name), create(name+"-dead")
	return fixture{messages: queue.NewSQS(client, url, dead), deadEnd: queue.NewSQS(client, url, dead+"-gone"), rejected: func(t *testing.T) map[string]string {
		t.Helper()
		out := localaws.Call(t, client.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: &dead, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
		reasons := map[string]string{}
		for _, m := range out.Messages {
			reasons[*m.Body] = *m.MessageAttributes[queue.ReasonAttribute].StringValue
		}
		return reasons
	}}
}

// hidden is a visibility timeout that no case outlives.
const hidden = time.Minute

// forEach runs a case on a queue of every implementation.
func forEach(t *testing.T, visibility time.Duration, test func(t *testing.T, q fixture)) {
	t.Parallel()
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, visibility))
		})
	}
}

func send(t *testing.T, q messages, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := q.Send(t.Context(), body, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t *testing.T, q messages, most int) []queue.Message {
	t.Helper()
	got, err := q.Receive(t.Context(), most, 0)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func visible(t *testing.T, q messages) int {
	t.Helper()
	n, err := q.Visible(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReceivedMessageIsHiddenUntilItIsGivenBack(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		before := time.Now().Add(-time.Second)
		send(t, q, "hello")
		got := receive(t, q, 10)
		if len(got) != 1 || got[0].Body != "hello" || got[0].ID == "" || got[0].Receives != 1 || got[0].SentAt.Before(before) {
			t.Fatalf("received %+v", got)
		}
		if again := receive(t, q, 10); len(again) != 0 {
			t.Fatalf("received a hidden message: %+v", again)
		}
		if err := q.Return(t.Context(), got[0]); err != nil {
			t.Fatal(err)
		}
		again := receive(t, q, 10)
		if len(again) != 1 || again[0].ID != got[0].ID || again[0].Receives != 2 {
			t.Fatalf("received after the give-back: %+v", again)
		}
	})
}

func TestDeletedMessagesAreGone(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		var want int
		for i := range 13 { // more than one request holds
			send(t, q, fmt.Sprint(i))
			want++
		}
		if n := visible(t, q); n != want {
			t.Errorf("%d visible, want %d", n, want)
		}
		var got []queue.Message
		for len(got) < want {
			page := receive(t, q, 10)
			if len(page) == 0 || len(page) > 10 {
				t.Fatalf("received %d messages after %d of %d", len(page), len(got), want)
			}
			got = append(got, page...)
		}
		if n := visible(t, q); n != 0 {
			t.Errorf("%d visible, all are in flight", n)
		}
		if err := q.Delete(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		if err := q.Return(t.Context(), got[0]); err == nil && visible(t, q) != 0 {
			t.Error("a deleted message came back")
		}
	})
}

func TestDelayedMessageIsNotVisibleYet(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		if err := q.Send(t.Context(), "later", time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, q, 10); len(got) != 0 || visible(t, q) != 0 {
			t.Errorf("received %+v a minute early", got)
		}
	})
}

func TestRejectedMessageIsInTheDeadLetterQueueWithItsReason(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		send(t, q, "{not json")
		m := receive(t, q, 1)[0]
		if err := q.Reject(t.Context(), m, "not JSON: invalid character \x00 'n'"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"{not json": "not JSON: invalid character ? 'n'"}, q.rejected(t)); diff != "" {
			t.Errorf("dead-letter queue (-want +got):\n%s", diff)
		}
		if err := q.Return(t.Context(), m); err == nil && visible(t, q) != 0 {
			t.Error("the message is still in the queue")
		}
	})
}

// TestMessageIsKeptWhileTheDeadLetterQueueTakesNothing: it may be rejected again later, but must not be lost.
func TestMessageIsKeptWhileTheDeadLetterQueueTakesNothing(t *testing.T) {
	forEach(t, hidden, func(t *testing.T, q fixture) {
		if _, memory := q.messages.(*queue.Memory); memory != (q.deadEnd == nil) {
			t.Fatal("only a queue in memory has no dead-letter queue that can fail")
		}
		if q.deadEnd == nil {
			return
		}
		send(t, q, "{not json")
		m := collect(t, q, 1)["{not json"]
		if err := q.deadEnd.Reject(t.Context(), m, "not JSON"); err == nil {
			t.Error("a reject succeeds whose dead-letter queue is not there")
		}
		if err := q.Return(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		again := collect(t, q, 1)["{not json"]
		if again.ID != m.ID {
			t.Errorf("received %+v, want the message back", again)
		}
		if err := q.Reject(t.Context(), again, "not JSON"); err != nil || len(q.rejected(t)) != 1 {
			t.Errorf("a reject after that: %v", err)
		}
	})
}
