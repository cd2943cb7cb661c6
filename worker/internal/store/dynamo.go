// Package store keeps the job table: in DynamoDB, and in memory for tests and the simulator.
package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/internal/dueindex"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// Dynamo is the job table in DynamoDB.
type Dynamo struct {
	client *dynamodb.Client
	table  string
	meter  *Meter // nil: nobody asks what reads cost
}

// NewDynamo returns the table of that name.
func NewDynamo(client *dynamodb.Client, table string) *Dynamo {
	return &Dynamo{client: client, table: table}
}

// Write applies w to its item and returns the item after it (nil: w is unread), or a *job.RefusedError.
func (d *Dynamo) Write(ctx context.Context, w job.Write) (job.Item, error) {
	e := newExpression(w)
	in := &dynamodb.UpdateItemInput{
		TableName:           &d.table,
		Key:                 key(w.Key),
		ConditionExpression: e.condition(w.If),
		UpdateExpression:    e.update(w),
		ReturnValues:        types.ReturnValueAllNew,
		// Saves the read after a refusal.
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if w.Unread {
		in.ReturnValues = types.ReturnValueNone
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = e.names, e.valuesOrNil()
	out, err := d.client.UpdateItem(ctx, in, withoutChecksum)
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return nil, &job.RefusedError{Write: w, Current: ItemOf(refused.Item)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s in table %s: %w", w.Op, w.Key, d.table, err)
	}
	return ItemOf(out.Attributes), nil
}

// withoutChecksum spares a warning in the log for each refusal: the SDK expects a checksum of every answer, and
// errors come without one. Transport is safe without it (TLS).
// https://github.com/aws/aws-sdk-go-v2/issues/3545
func withoutChecksum(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true }

// Get reads one item consistently, nil where there is none.
func (d *Dynamo) Get(ctx context.Context, k string) (job.Item, error) {
	out, err := d.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.table, Key: key(k), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: d.meter.Wanted()})
	if err != nil {
		return nil, fmt.Errorf("read %s in table %s: %w", k, d.table, err)
	}
	d.meter.Add(out.ConsumedCapacity)
	return ItemOf(out.Item), nil
}

// BatchGet reads many items, eventually consistent, in any order, each once; missing ones are left out.
func (d *Dynamo) BatchGet(ctx context.Context, keys []string) ([]job.Item, error) {
	const most = 100 // of one request, all different: API_BatchGetItem
	keys = unique(keys)
	var items []job.Item
	for len(keys) > 0 {
		n := min(len(keys), most)
		got, left, err := d.batch(ctx, keys[:n])
		if err != nil {
			return nil, err
		}
		items = append(items, got...)
		keys = append(left, keys[n:]...)
	}
	return items, nil
}

func (d *Dynamo) batch(ctx context.Context, keys []string) (items []job.Item, left []string, err error) {
	request := types.KeysAndAttributes{}
	for _, k := range keys {
		request.Keys = append(request.Keys, key(k))
	}
	out, err := d.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{d.table: request}, ReturnConsumedCapacity: d.meter.Wanted(),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %d jobs in table %s: %w", len(keys), d.table, err)
	}
	for _, c := range out.ConsumedCapacity {
		d.meter.Add(&c)
	}
	for _, attributes := range out.Responses[d.table] {
		items = append(items, ItemOf(attributes))
	}
	for _, k := range out.UnprocessedKeys[d.table].Keys {
		name, _ := ItemOf(k)[contract.AttrKey].(string)
		left = append(left, name)
	}
	if len(left) == len(keys) {
		return nil, nil, fmt.Errorf("read %d jobs in table %s: throttled", len(keys), d.table)
	}
	return items, left, nil
}

// Due lists the keys of the due index's partition from one sort key to another, both included, in order.
func (d *Dynamo) Due(ctx context.Context, partition, from, to string) ([]string, error) {
	var keys []string
	pages := dynamodb.NewQueryPaginator(d.client, d.due(partition, from, to))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("query %s of index %s of table %s: %w", partition, contract.DueIndex, d.table, err)
		}
		d.meter.Add(page.ConsumedCapacity)
		for _, attributes := range page.Items {
			name, _ := ItemOf(attributes)[contract.AttrKey].(string)
			keys = append(keys, name)
		}
	}
	return keys, nil
}

// CountDue counts what [Dynamo.Due] would list.
func (d *Dynamo) CountDue(ctx context.Context, partition, from, to string) (int, error) {
	return dueindex.Count(ctx, d.client, d.due(partition, from, to), func(used *types.ConsumedCapacity) { d.meter.Add(used) })
}

func (d *Dynamo) due(partition, from, to string) *dynamodb.QueryInput {
	query := dueindex.Query(d.table, partition, from, to)
	query.ReturnConsumedCapacity = d.meter.Wanted()
	return query
}

// unique leaves out what comes again: a job that moves in the index while it is read can be listed twice.
func unique(keys []string) []string { return slices.Compact(slices.Sorted(slices.Values(keys))) }

func key(k string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{contract.AttrKey: toAttribute(k)}
}

func toAttribute(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case int64:
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	}
	panic(fmt.Sprintf("store: an item holds strings, int64 and bool, not %T", v))
}

// ItemOf is an item as the SDK gives it; nil where there is none.
func ItemOf(attributes map[string]types.AttributeValue) job.Item {
	if len(attributes) == 0 {
		return nil
	}
	item := make(job.Item, len(attributes))
	for name, v := range attributes {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			item[name] = v.Value
		case *types.AttributeValueMemberBOOL:
			item[name] = v.Value
		case *types.AttributeValueMemberN:
			if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
				item[name] = n
			}
		}
	}
	return item
}
