package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

const maxReceives = 20

// messages is the queue: package queue's, at least once and in no order.
type messages struct {
	world     *world
	memory    *queue.Memory
	network   network
	duplicate float64 // chance that a message is delivered again, even after its deletion
	latest    float64 // chance that a message is late, by up to half an hour
	shuffled  bool

	sent    int
	bells   int
	copies  []copied // with the id of their original
	arrival signal
	dead    []queue.Message // received too often
}

type copied struct {
	queue.Message
	at time.Duration
}

// provision makes the queue for the setup: a message that was received comes back after a lease, as in the templates.
func (q *messages) provision() {
	q.memory = queue.NewMemory(func() time.Time { return epochStart.Add(q.world.now) }, q.world.setup.Lease)
}

// send puts a message into the queue.
func (q *messages) send(body string, delay time.Duration) {
	if !q.world.calm && q.world.chance(q.latest) {
		delay += q.world.upTo(30 * time.Minute)
	}
	_ = q.memory.Send(context.Background(), body, delay)
	q.sent++
	id := fmt.Sprintf("m-%d", q.sent)
	q.world.note("queue: %s %.100s in %s", id, body, delay)
	q.world.after(delay, q.arrival.fire)
}

// copy delivers a message once more.
func (q *messages) copy(m queue.Message, in time.Duration) {
	q.copies = append(q.copies, copied{m, q.world.now + in})
	q.world.after(in, q.arrival.fire)
}

func (q *messages) receive(most int) []queue.Message {
	var got []queue.Message
	rest := q.copies[:0]
	for _, c := range q.copies {
		if c.at <= q.world.now && len(got) < most {
			got = append(got, c.Message)
		} else {
			rest = append(rest, c)
		}
	}
	q.copies = rest
	fresh, _ := q.memory.Receive(context.Background(), most-len(got), 0)
	for _, m := range fresh {
		if m.Receives > maxReceives {
			q.dead = append(q.dead, m)
			_ = q.memory.Delete(context.Background(), []queue.Message{m})
			continue
		}
		got = append(got, m)
		if !q.world.calm && q.world.chance(q.duplicate) {
			q.copy(m, q.world.upTo(20*time.Minute))
		}
	}
	if len(fresh) > 0 {
		q.world.after(q.world.setup.Lease, q.arrival.fire)
	}
	if q.shuffled {
		q.world.random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	}
	return got
}

// queueClient is the queue as a process sees it: through the network.
type queueClient struct {
	*caller
}

var (
	_ lease.Inbox = queueClient{}
	_ lease.Bells = queueClient{}
	_ sweep.Queue = queueClient{}
)

type nothing struct{}

// Send sends a bell.
func (c queueClient) Send(ctx context.Context, body string, delay time.Duration) error {
	q := c.world.queue
	if c.holder != nil {
		if c.world.control == SilentRelease {
			return nil
		}
		c.holder.belled = true
	}
	_, err := call(c.caller, ctx, &q.network, "send", func() (nothing, error) {
		q.send(body, delay)
		q.bells++
		return nothing{}, nil
	})
	return err
}

// Receive waits for messages, at most for wait.
func (c queueClient) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error) {
	q := c.world.queue
	until := c.clock.Monotonic() + wait
	for ctx.Err() == nil {
		flight := ctx
		if c.world.chance(0.5) { // its answer is awaited even if a drain begins
			flight = context.WithoutCancel(ctx)
		}
		got, err := call(c.caller, flight, &q.network, "receive", func() ([]queue.Message, error) {
			got := q.receive(min(most, 10))
			if c.world.control == DeleteBeforeClaim {
				_ = q.memory.Delete(context.Background(), got)
			}
			return got, nil
		})
		if err != nil || len(got) > 0 || c.clock.Monotonic() >= until {
			return got, err
		}
		c.world.wait(c.clock.when(until), &q.arrival, cancelOf(ctx))
	}
	return nil, ctx.Err()
}

// Delete removes messages; copies of them may still come.
func (c queueClient) Delete(ctx context.Context, messages []queue.Message) error {
	q := c.world.queue
	_, err := call(c.caller, ctx, &q.network, "delete", func() (nothing, error) {
		for _, m := range messages {
			c.world.note("queue: %s deleted", m.ID)
		}
		return nothing{}, q.memory.Delete(context.Background(), messages)
	})
	return err
}

// Return makes a message visible again.
func (c queueClient) Return(ctx context.Context, m queue.Message) error {
	q := c.world.queue
	_, err := call(c.caller, ctx, &q.network, "return", func() (nothing, error) {
		err := q.memory.Return(context.Background(), m)
		q.arrival.fire()
		return nothing{}, err
	})
	return err
}

// Reject puts a message aside.
func (c queueClient) Reject(ctx context.Context, m queue.Message, reason string) error {
	q := c.world.queue
	_, err := call(c.caller, ctx, &q.network, "reject", func() (nothing, error) {
		if c.world.control == LostReject {
			return nothing{}, q.memory.Delete(context.Background(), []queue.Message{m})
		}
		return nothing{}, q.memory.Reject(context.Background(), m, reason)
	})
	return err
}

// Visible counts what can be received now.
func (c queueClient) Visible(ctx context.Context) (int, error) {
	q := c.world.queue
	return call(c.caller, ctx, &q.network, "measure", func() (int, error) { return q.memory.Visible(context.Background()) })
}
