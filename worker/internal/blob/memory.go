package blob

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Memory keeps objects in memory, held to the same conformance cases as [S3].
type Memory struct {
	mu      sync.Mutex
	objects map[string][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string][]byte{}} }

// Put writes an object once; it is durable when Put returns. The error wraps [ErrDiffers] where another content is there.
func (m *Memory) Put(ctx context.Context, key string, content []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, there := m.objects[key]; there && !bytes.Equal(before, content) {
		return fmt.Errorf("write %s: %w", key, ErrDiffers)
	}
	m.objects[key] = slices.Clone(content)
	return nil
}

// Get reads an object; its error wraps [ErrMissing] where there is none.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("read %s: %w", key, ErrMissing)
	}
	return slices.Clone(content), ctx.Err()
}

// Delete removes an object; one that is not there is no error.
func (m *Memory) Delete(ctx context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return ctx.Err()
}

// Keys lists what is there, in order.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]string, 0, len(m.objects))
	for key := range m.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
