package localaws

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// CreateJobTable is [NewJobTable] for tests.
func CreateJobTable(t testing.TB, client *dynamodb.Client, name string) {
	t.Helper()
	if err := NewJobTable(t.Context(), client, name); err != nil {
		t.Fatal(err)
	}
}

// NewJobTable creates a job table as package constructs/jobtable defines it, as far as its users can
// tell, and waits until it can be used.
func NewJobTable(ctx context.Context, client *dynamodb.Client, name string) error {
	key := func(attribute string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &attribute, KeyType: kind}
	}
	in := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{key(contract.AttrKey, types.KeyTypeHash)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(contract.DueIndex), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
			KeySchema: []types.KeySchemaElement{key(contract.AttrDuePartition, types.KeyTypeHash), key(contract.AttrDueSort, types.KeyTypeRange)},
		}},
	}
	for _, attribute := range []string{contract.AttrKey, contract.AttrDuePartition, contract.AttrDueSort} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &attribute, AttributeType: types.ScalarAttributeTypeS})
	}
	if _, err := client.CreateTable(ctx, in); err != nil {
		return err
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if err == nil && out.Table.TableStatus == types.TableStatusActive {
			return nil
		}
	}
	return fmt.Errorf("table %s is not active after %s", name, startTime)
}
