package loop

import (
	"context"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/queue"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// TestWhatCameAsTheInstanceFellSickIsReturned: a receive may take twenty seconds. Whatever an instance learns meanwhile that
// keeps it from beginning jobs, it claims none of those that came, and another instance has them at once.
func TestWhatCameAsTheInstanceFellSickIsReturned(t *testing.T) {
	for name, sick := range map[string]bool{"well": false, "sick": true} {
		var messages *queue.Memory
		table := store.NewMemory()
		_ = lateIn(t, 1, func(s *Worker) {
			intake := s.Intake.(*lease.Intake)
			messages = intake.Inbox.(*queue.Memory)
			intake.Claimer.Store = table
			if err := messages.Send(t.Context(), `{"id":"one","payload":{}}`, 0); err != nil {
				t.Fatal(err)
			}
			received := false
			s.Receiver = receives(func(ctx context.Context) ([]queue.Message, error) {
				if received {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				received = true
				got, err := messages.Receive(ctx, 1, 0)
				if sick {
					s.illness.fall("no slot starts", s.Attempts.Clock.Monotonic())
				}
				return got, err
			})
		})
		item, err := table.Get(t.Context(), "mail#one")
		visible, _ := messages.Visible(t.Context())
		if (item == nil) != sick || err != nil || (visible == 1) != sick {
			t.Errorf("%s: item %v, %d messages visible, error %v", name, item, visible, err)
		}
	}
}
