package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Memory is the job table in memory, held to the same conformance cases as [Dynamo].
type Memory struct {
	mu    sync.Mutex
	items map[string]job.Item
}

// NewMemory returns an empty table.
func NewMemory() *Memory { return &Memory{items: map[string]job.Item{}} }

// Write applies w to its item and returns the item after it (nil: w is unread), or a *job.RefusedError.
func (m *Memory) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	item := m.items[w.Key]
	for _, c := range w.If {
		if !c.Holds(item) {
			return nil, &job.RefusedError{Write: w, Current: maps.Clone(item)}
		}
	}
	next := maps.Clone(item)
	if next == nil {
		next = job.Item{contract.AttrKey: w.Key}
	}
	maps.Copy(next, w.Set)
	for attr, n := range w.Add {
		old, _ := next[attr].(int64)
		next[attr] = old + n
	}
	for _, attr := range w.Remove {
		delete(next, attr)
	}
	m.items[w.Key] = next
	if w.Unread {
		return nil, nil
	}
	return maps.Clone(next), nil
}

// Get reads one item, nil where there is none.
func (m *Memory) Get(ctx context.Context, key string) (job.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.items[key]), ctx.Err()
}

// Delete removes an item, as the table's TTL does some time after its expiry.
func (m *Memory) Delete(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, key)
}

// BatchGet reads many items in any order, each once; missing ones are left out.
func (m *Memory) BatchGet(ctx context.Context, keys []string) ([]job.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var items []job.Item
	for _, key := range unique(keys) {
		if item, ok := m.items[key]; ok {
			items = append(items, maps.Clone(item))
		}
	}
	return items, ctx.Err()
}

// Due lists the keys of the due index's partition from one sort key to another, both included, in order.
func (m *Memory) Due(ctx context.Context, partition, from, to string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	type entry struct{ sort, key string }
	var found []entry
	for key, item := range m.items {
		at, _ := item[contract.AttrDueSort].(string)
		if item[contract.AttrDuePartition] == partition && from <= at && at <= to {
			found = append(found, entry{at, key})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return cmp.Or(cmp.Compare(a.sort, b.sort), cmp.Compare(a.key, b.key)) })
	keys := make([]string, len(found))
	for i, e := range found {
		keys[i] = e.key
	}
	return keys, ctx.Err()
}

// CountDue counts what [Memory.Due] would list.
func (m *Memory) CountDue(ctx context.Context, partition, from, to string) (int, error) {
	keys, err := m.Due(ctx, partition, from, to)
	return len(keys), err
}
