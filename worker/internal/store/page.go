package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// PageKey is where a page of the due index ended; the zero value stands for the beginning, and for the end.
type PageKey struct {
	Key  string `json:"key"`  // of the last job
	Sort string `json:"sort"` // its sort key in the index
}

// DuePage lists up to limit keys of what [Dynamo.Due] lists, from after a place on, and where the next page
// begins; the zero place: there is none.
func (d *Dynamo) DuePage(ctx context.Context, partition, from, to string, after PageKey, limit int) ([]string, PageKey, error) {
	in := d.due(partition, from, to)
	in.Limit = aws.Int32(int32(limit))
	if after != (PageKey{}) {
		in.ExclusiveStartKey = key(after.Key)
		in.ExclusiveStartKey[contract.AttrDuePartition] = toAttribute(partition)
		in.ExclusiveStartKey[contract.AttrDueSort] = toAttribute(after.Sort)
	}
	page, err := d.client.Query(ctx, in)
	if err != nil {
		return nil, PageKey{}, fmt.Errorf("query %s of index %s of table %s: %w", partition, contract.DueIndex, d.table, err)
	}
	d.meter.Add(page.ConsumedCapacity)
	var keys []string
	for _, attributes := range page.Items {
		name, _ := ItemOf(attributes)[contract.AttrKey].(string)
		keys = append(keys, name)
	}
	last := ItemOf(page.LastEvaluatedKey)
	name, _ := last[contract.AttrKey].(string)
	sort, _ := last[contract.AttrDueSort].(string)
	return keys, PageKey{name, sort}, nil
}

// Meter adds up what reading a table cost. A nil meter asks for nothing and counts nothing.
type Meter struct {
	mu    sync.Mutex
	units float64
}

// Units are the read units since the start: one for each 4 KB read consistently, half of it otherwise.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
func (m *Meter) Units() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.units
}

// Wanted is what a request asks for so that [Meter.Add] can count its answer.
func (m *Meter) Wanted() types.ReturnConsumedCapacity {
	if m == nil {
		return types.ReturnConsumedCapacityNone
	}
	return types.ReturnConsumedCapacityTotal
}

// Add counts an answer.
func (m *Meter) Add(consumed ...*types.ConsumedCapacity) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range consumed {
		if c != nil {
			m.units += aws.ToFloat64(c.CapacityUnits)
		}
	}
}

// Metered returns the same table, whose reads are added to m.
func (d *Dynamo) Metered(m *Meter) *Dynamo {
	return &Dynamo{client: d.client, table: d.table, meter: m}
}
