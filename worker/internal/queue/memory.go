package queue

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Memory is a queue in memory. It delivers in order and at least once: a received message comes back
// after the visibility timeout.
type Memory struct {
	now        func() time.Time
	visibility time.Duration

	mu       sync.Mutex
	sent     int
	receipts int
	messages []*stored
	rejected []Rejected
}

type stored struct {
	Message
	visibleAt time.Time
}

// Rejected is a message that was put aside with the reason.
type Rejected struct {
	Message
	Reason string
}

// NewMemory returns an empty queue on the given clock.
func NewMemory(now func() time.Time, visibility time.Duration) *Memory {
	return &Memory{now: now, visibility: visibility}
}

// Send puts a message into the queue that can be received after delay.
func (m *Memory) Send(ctx context.Context, body string, delay time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent++
	m.messages = append(m.messages, &stored{
		Message:   Message{ID: fmt.Sprintf("m-%d", m.sent), Body: body, SentAt: m.now()},
		visibleAt: m.now().Add(delay),
	})
	return nil
}

// Receive takes up to most visible messages, at most 10 as SQS does; it does not wait.
func (m *Memory) Receive(ctx context.Context, most int, _ time.Duration) ([]Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Message
	for _, s := range m.messages {
		if len(out) == min(most, 10) {
			break
		}
		if s.visibleAt.After(m.now()) {
			continue
		}
		m.receipts++
		s.Receipt = fmt.Sprintf("r-%d", m.receipts)
		s.Receives++
		s.visibleAt = m.now().Add(m.visibility)
		out = append(out, s.Message)
	}
	return out, nil
}

// Delete removes received messages.
func (m *Memory) Delete(ctx context.Context, messages []Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, gone := range messages {
		for i, s := range m.messages {
			if s.ID == gone.ID {
				m.messages = append(m.messages[:i], m.messages[i+1:]...)
				break
			}
		}
	}
	return nil
}

// Return makes a received message visible again at once.
func (m *Memory) Return(ctx context.Context, message Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.messages {
		if s.Receipt == message.Receipt {
			s.visibleAt = m.now()
		}
	}
	return nil
}

// Reject puts a message aside with the reason.
func (m *Memory) Reject(ctx context.Context, message Message, reason string) error {
	if err := m.Delete(ctx, []Message{message}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rejected = append(m.rejected, Rejected{message, printable(reason)})
	return nil
}

// Visible counts the messages that can be received now.
func (m *Memory) Visible(ctx context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.messages {
		if !s.visibleAt.After(m.now()) {
			n++
		}
	}
	return n, ctx.Err()
}

// Rejected lists what was put aside.
func (m *Memory) Rejected() []Rejected {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Rejected(nil), m.rejected...)
}
