package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/worker-tier/worker-tier/worker/internal/blob"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// objects is the bucket: package blob's.
type objects struct {
	world   *world
	memory  *blob.Memory
	network network
}

// name is an object's under the negative controls.
func (o *objects) name(key string) string {
	if o.world.control == NamelessCursor {
		if before, _, ok := strings.Cut(key, "/cursor."); ok {
			return before + "/cursor"
		}
	}
	return key
}

// cursor is what a job's item names as its cursor; an error says that it is not there or was replaced.
func (o *objects) cursor(j job.Job) (string, error) {
	if j.CursorRef == "" {
		return j.Cursor, nil
	}
	content, err := o.memory.Get(context.Background(), o.name(j.CursorRef))
	if err != nil {
		return "", err
	}
	return string(content), job.CheckRef(j.CursorRef, content)
}

// blobClient is the bucket as a process sees it: through the network.
type blobClient struct{ *caller }

var _ lease.Blobs = blobClient{}

// Put writes an object.
func (c blobClient) Put(ctx context.Context, key string, content []byte) error {
	o := c.world.objects
	put := func() {
		c.world.note("bucket: %s has %d bytes", key, len(content))
		if c.world.control == NamelessCursor {
			_ = o.memory.Delete(context.Background(), o.name(key))
		}
		_ = o.memory.Put(context.Background(), o.name(key), content)
	}
	_, err := call(c.caller, ctx, &o.network, "put object", func() (nothing, error) {
		if c.world.control == NamedFirst {
			c.world.after(c.world.upTo(5*lateObject), put)
		} else {
			put()
		}
		return nothing{}, nil
	})
	return err
}

// Get reads an object.
func (c blobClient) Get(ctx context.Context, key string) ([]byte, error) {
	o := c.world.objects
	return call(c.caller, ctx, &o.network, "get object", func() ([]byte, error) {
		content, err := o.memory.Get(context.Background(), o.name(key))
		if err != nil {
			return nil, fmt.Errorf("bucket: %w", err)
		}
		return content, nil
	})
}

// answers asks the bucket anything.
func (c blobClient) answers(ctx context.Context) error {
	if _, err := c.Get(ctx, "probe"); !errors.Is(err, blob.ErrMissing) {
		return err
	}
	return nil
}

// Delete removes an object.
func (c blobClient) Delete(ctx context.Context, key string) error {
	o := c.world.objects
	switch {
	case c.world.control == NamelessCursor: // the one object of the job stays
		return nil
	case c.world.control == KeptPayloads && isPayload(key):
		return nil
	case c.holder != nil && isPayload(key):
		c.holder.discarded = true
	}
	_, err := call(c.caller, ctx, &o.network, "delete object", func() (nothing, error) {
		c.world.note("bucket: %s deleted", key)
		c.world.oracle.deletes(key, c.caller)
		return nothing{}, o.memory.Delete(context.Background(), key)
	})
	return err
}

// isPayload reports whether the object is the payload of a job.
func isPayload(key string) bool { return strings.Contains(key, "/payload.") }

// deleteFirst deletes, under a negative control, the payload of a job before its end is written.
func (c tableClient) deleteFirst(ctx context.Context, w job.Write) {
	if c.world.control != EarlyDeletes || !strings.HasPrefix(w.Op, "finish") {
		return
	}
	if j, err := job.FromItem(c.world.table.get(w.Key)); err == nil && j.PayloadRef != "" {
		_ = blobClient(c).Delete(ctx, j.PayloadRef)
	}
}

// deletes checks O1: nobody deletes an object that a job still needs.
func (o *oracle) deletes(key string, by *caller) {
	for _, id := range o.world.ids {
		item := o.world.table.get(contentType + "#" + id)
		j, err := job.FromItem(item)
		if err != nil {
			continue
		}
		payload := j.PayloadRef == key && j.State != job.Done && j.State != job.Cancelled
		erased := j.State == job.Cancelled || j.State == job.Done && by.node == nil // an operator may erase a result
		if cursor := j.CursorRef == key && !erased; payload || cursor {
			o.world.violate("O1", "%s deleted %s, which is needed: %s", by.name(), key, brief(item))
		}
	}
}

// tidied checks O2 at the end of an attempt: who ends a job for good deletes its payload, or has tried to.
func (o *oracle) tidied(h *holder, outcome lease.Outcome, known job.Job) {
	ended := outcome == lease.Ending(job.Done) || outcome == lease.Ending(job.Cancelled)
	if ended && known.PayloadRef != "" && !h.discarded && h.node.release != older {
		o.world.violate("O2", "%s ended its job and kept %s: %s", h.claim.Owner, known.PayloadRef, brief(o.world.table.get(h.claim.Key.String())))
	}
}
