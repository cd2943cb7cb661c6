package sim

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/store"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// table is the job table: package store's, with an index that lags behind and a judge at its door.
type table struct {
	world   *world
	items   *store.Memory
	network network
	mute    bool    // refusals leave the item out, as some endpoints do
	stale   float64 // chance that the index takes up to two minutes to show a write

	index   map[string]map[string]string // partition → key → sort key
	shown   map[string]shown             // by key
	version int64
}

// shown is what the index shows of an item.
type shown struct {
	partition string
	version   int64
}

func newTable(w *world) *table {
	return &table{world: w, items: store.NewMemory(), index: map[string]map[string]string{}, shown: map[string]shown{}}
}

func (t *table) get(key string) job.Item {
	item, _ := t.items.Get(context.Background(), key)
	return item
}

// write applies w, or what a negative control makes of it, and has the oracle judge what was meant.
func (t *table) write(w job.Write, by *caller) (job.Item, error) {
	before := t.get(w.Key)
	applied := t.world.control.weaken(w, before)
	applied.Unread = false // the oracle reads it
	after, err := t.items.Write(context.Background(), applied)
	if err != nil {
		t.world.note("table: %s %s of %s refused at %s", w.Op, w.Key, by.name(), brief(before))
		if refused, ok := errors.AsType[*job.RefusedError](err); ok && t.mute {
			refused.Current = nil
		}
		return nil, err
	}
	t.world.note("table: %s %s of %s: %s -> %s", w.Op, w.Key, by.name(), brief(before), brief(after))
	t.show(w.Key, after)
	t.world.oracle.judge(w, before, after, by)
	return after, nil
}

// show makes the index follow an item, after a while.
func (t *table) show(key string, item job.Item) {
	t.version++
	version := t.version
	partition, _ := item[contract.AttrDuePartition].(string)
	sort, _ := item[contract.AttrDueSort].(string)
	lag := t.world.upTo(50 * time.Millisecond)
	if !t.world.calm && t.world.chance(t.stale) {
		lag = t.world.upTo(2 * time.Minute)
	}
	t.world.after(lag, func() {
		old := t.shown[key]
		if old.version > version {
			return
		}
		delete(t.index[old.partition], key)
		t.shown[key] = shown{partition, version}
		if partition == "" || sort == "" {
			return
		}
		if t.index[partition] == nil {
			t.index[partition] = map[string]string{}
		}
		t.index[partition][key] = sort
	})
}

// expire deletes what DynamoDB would have deleted by now.
func (t *table) expire(keys []string) {
	now := epochStart.Add(t.world.now).Unix()
	for _, key := range keys {
		if ttl, ok := t.get(key)[contract.AttrTTL].(int64); ok && ttl < now {
			t.items.Delete(key)
			t.show(key, nil)
			t.world.note("table: %s expired", key)
		}
	}
}

func (t *table) due(partition, from, to string) []string {
	type entry struct{ sort, key string }
	var found []entry
	for key, sort := range t.index[partition] {
		if from <= sort && sort <= to {
			found = append(found, entry{sort, key})
		}
	}
	slices.SortFunc(found, func(a, b entry) int { return cmp.Or(cmp.Compare(a.sort, b.sort), cmp.Compare(a.key, b.key)) })
	keys := make([]string, len(found))
	for i, e := range found {
		keys[i] = e.key
	}
	return keys
}

// tableClient is the table as a process sees it: through the network.
type tableClient struct {
	*caller
}

var (
	_ lease.Store = tableClient{}
	_ sweep.Store = tableClient{}
)

func (c tableClient) Write(ctx context.Context, w job.Write) (job.Item, error) {
	t := c.world.table
	c.world.oracle.sends(ctx, w, c.caller)
	c.deleteFirst(ctx, w)
	item, err := call(c.caller, ctx, &t.network, w.Op, func() (job.Item, error) {
		item, err := t.write(c.release().writes(w), c.caller)
		if refused, ok := errors.AsType[*job.RefusedError](err); ok {
			refused.Current = c.release().reads(refused.Current)
		}
		return c.release().reads(item), err
	})
	if err == nil && (w.Op == "claim" || w.Op == "claim submission") {
		c.world.oracle.knows(c.node, w, item)
		if c.world.control == UnknownClaim {
			item = maps.Clone(item)
			item[contract.AttrOwner] = "somebody"
		}
	}
	if err == nil && w.Op == "lead sweep" {
		c.world.oracle.looks(c.node, item)
		item = c.world.control.shows(c.node, item)
	}
	return item, err
}

func (c tableClient) Get(ctx context.Context, key string) (job.Item, error) {
	t := c.world.table
	item, err := call(c.caller, ctx, &t.network, "get", func() (job.Item, error) {
		item, err := t.items.Get(context.Background(), key)
		return c.release().reads(item), err
	})
	if err != nil || !isControl(key) {
		return item, err
	}
	c.world.oracle.looks(c.node, item)
	return c.world.control.shows(c.node, item), nil
}

func (c tableClient) BatchGet(ctx context.Context, keys []string) ([]job.Item, error) {
	t := c.world.table
	c.world.calls["items of batch get"] += len(keys)
	return call(c.caller, ctx, &t.network, "batch get", func() ([]job.Item, error) {
		items, err := t.items.BatchGet(context.Background(), keys)
		for i := range items {
			items[i] = c.release().reads(items[i])
		}
		return items, err
	})
}

func (c tableClient) Due(ctx context.Context, partition, from, to string) ([]string, error) {
	t := c.world.table
	return call(c.caller, ctx, &t.network, "query", func() ([]string, error) { return t.due(partition, from, to), nil })
}

func (c tableClient) CountDue(ctx context.Context, partition, from, to string) (int, error) {
	t := c.world.table
	return call(c.caller, ctx, &t.network, "count", func() (int, error) {
		n := 0
		for _, sort := range t.index[partition] {
			if from <= sort && sort <= to {
				n++
			}
		}
		return n, nil
	})
}
