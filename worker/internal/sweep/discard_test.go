package sweep_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// bucket is a bucket whose deletes fail so many times.
type bucket struct {
	*blob.Memory
	fail  int
	tries int
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	if b.tries++; b.tries <= b.fail {
		return errors.New("the bucket is away")
	}
	return b.Memory.Delete(ctx, key)
}

// TestReapedJobThatWasCancelledLeavesNoObjects: its holder died before it could delete them. An outage holds up no sweep.
func TestReapedJobThatWasCancelledLeavesNoObjects(t *testing.T) {
	for name, c := range map[string]struct{ fail, tries, left int }{
		"at once":         {0, 2, 0},
		"after an outage": {2, 4, 0},
		"given up":        {100, 6, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			objects := &bucket{Memory: blob.NewMemory(), fail: c.fail}
			payload := []byte(`"` + strings.Repeat("x", job.InlinePayload) + `"`)
			s := job.Submission{Payload: payload, PayloadRef: job.PayloadRef(key("one"), payload)}
			j := w.write(job.ClaimSubmission(key("one"), s, "i-dead", lease, w.clock.Now()))
			cursor := job.CursorRef(j.Claim(), 1, payload)
			j = w.write(job.SaveCheckpoint(j.Claim(), job.Checkpoint{Seq: 1, Ref: cursor}, w.clock.Now()))
			w.running("other") // is reaped too, and becomes READY
			w.write(job.Cancel(j.Key, &j, w.clock.Now()))
			for _, ref := range []string{s.PayloadRef, cursor} {
				if err := objects.Put(t.Context(), ref, payload); err != nil {
					t.Fatal(err)
				}
			}
			sweeper := w.sweeper("i-1")
			sweeper.Blobs = objects
			w.until(sweeper, 10*time.Minute)
			if got := w.get("one").State; got != job.Cancelled {
				t.Fatalf("state %s", got)
			}
			if keys := objects.Keys(); len(keys) != c.left || objects.tries != c.tries {
				t.Errorf("%d tries left %v", objects.tries, keys)
			}
		})
	}
}
