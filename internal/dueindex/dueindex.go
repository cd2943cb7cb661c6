// Package dueindex queries the index of the job table that lists the jobs in need of attention, see [contract.DueIndex].
package dueindex

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Query finds the jobs in a partition whose sort keys lie between two, both included, in their order.
func Query(table, partition, from, to string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                &table,
		IndexName:                aws.String(contract.DueIndex),
		KeyConditionExpression:   aws.String("#p = :p AND #s BETWEEN :from AND :to"),
		ExpressionAttributeNames: map[string]string{"#p": contract.AttrDuePartition, "#s": contract.AttrDueSort},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":p":    &types.AttributeValueMemberS{Value: partition},
			":from": &types.AttributeValueMemberS{Value: from},
			":to":   &types.AttributeValueMemberS{Value: to},
		},
	}
}

// Count counts the jobs that a query finds, on all its pages. used is given what each page has consumed. nil:
// nobody asks.
func Count(ctx context.Context, client dynamodb.QueryAPIClient, query *dynamodb.QueryInput, used func(*types.ConsumedCapacity)) (int, error) {
	query.Select = types.SelectCount
	n := 0
	pages := dynamodb.NewQueryPaginator(client, query)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("count jobs in index %s of table %s: %w", contract.DueIndex, aws.ToString(query.TableName), err)
		}
		if used != nil {
			used(page.ConsumedCapacity)
		}
		n += int(page.Count)
	}
	return n, nil
}
