package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// scanner reads the whole table for a list: jobs in all states. Only operators scan, with their own credentials:
// the instances' role refuses it.
type scanner struct {
	lister
	client *dynamodb.Client
	table  string
	meter  *store.Meter
}

// page reads up to limit jobs from after a place on, and where the next page begins.
func (s scanner) page(ctx context.Context, after pageToken, limit int) ([]job.Job, pageToken, error) {
	var jobs []job.Job
	for at := after.Scan; ; {
		items, next, err := s.read(ctx, at)
		if err != nil {
			return nil, pageToken{}, err
		}
		for _, j := range s.choose(items) {
			if len(jobs) == limit {
				return jobs, pageToken{Scan: jobs[limit-1].Key.String()}, nil
			}
			jobs = append(jobs, j)
		}
		if at = next; at == "" {
			return jobs, pageToken{}, nil
		}
	}
}

// read reads the next megabyte of the table, from after a key on ("": from the beginning), and returns the items
// of the content type and the last key; "": that was all. It costs 128 read units, whatever is found. An item that is
// neither in the due index nor of a finished job is a worker's self-test (package doctor), and nobody's job.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
func (s scanner) read(ctx context.Context, after string) ([]job.Item, string, error) {
	in := &dynamodb.ScanInput{
		TableName:                &s.table,
		FilterExpression:         aws.String("begins_with(#k, :prefix) AND (attribute_exists(#due) OR #state IN (:done, :cancelled))"),
		ExpressionAttributeNames: map[string]string{"#k": contract.AttrKey, "#due": contract.AttrDuePartition, "#state": contract.AttrState},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":prefix": &types.AttributeValueMemberS{Value: s.contentType + "#"},
			":done":   &types.AttributeValueMemberS{Value: string(job.Done)}, ":cancelled": &types.AttributeValueMemberS{Value: string(job.Cancelled)},
		},
		ReturnConsumedCapacity: s.meter.Wanted(),
	}
	if after != "" {
		in.ExclusiveStartKey = map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: after}}
	}
	page, err := s.client.Scan(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("scan table %s: %w", s.table, err)
	}
	s.meter.Add(page.ConsumedCapacity)
	var items []job.Item
	for _, attributes := range page.Items {
		items = append(items, store.ItemOf(attributes))
	}
	last, _ := store.ItemOf(page.LastEvaluatedKey)[contract.AttrKey].(string)
	return items, last, nil
}
