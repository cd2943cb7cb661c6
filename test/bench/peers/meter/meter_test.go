package meter

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

func metered(t *testing.T, table string) (*Meter, *dynamodb.Client) {
	t.Helper()
	server := localaws.StartT(t)
	cfg := server.ConfigT(t)
	localaws.CreateJobTable(t, dynamodb.NewFromConfig(cfg), table)
	m, err := Start(server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	cfg.BaseEndpoint = &m.URL
	return m, dynamodb.NewFromConfig(cfg)
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// units runs do and returns what it cost.
func units(m *Meter, do func() error) (reads, writes float64, err error) {
	before := len(m.Requests(func(Request) bool { return true }))
	err = do()
	for _, r := range m.Requests(func(Request) bool { return true })[before:] {
		reads, writes = reads+r.Reads, writes+r.Writes
	}
	return reads, writes, err
}

// TestWriteUnits holds what the meter says of writes against DynamoDB's rules.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes
func TestWriteUnits(t *testing.T) {
	table := "write-units"
	m, client := metered(t, table)
	update := func(key, set string, condition *string, values map[string]types.AttributeValue) error {
		_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{contract.AttrKey: text(key)}, UpdateExpression: &set,
			ConditionExpression: condition, ExpressionAttributeValues: values,
		})
		return err
	}
	due := func(sort string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{":p": text("a#0"), ":s": text(sort)}
	}
	long := map[string]types.AttributeValue{":x": text(strings.Repeat("x", 1500))}
	for _, step := range []struct {
		name string
		do   func() error
		want float64
	}{
		{"an item without an index entry", func() error {
			return update("a#1", "SET x = :p", nil, map[string]types.AttributeValue{":p": text("1")})
		}, 1},
		{"its index entry", func() error { return update("a#1", "SET duePartition = :p, dueSort = :s", nil, due("x#")) }, 2},
		{"what the index does not hold", func() error {
			return update("a#1", "SET x = :p", nil, map[string]types.AttributeValue{":p": text("2")})
		}, 1},
		{"the same index key again", func() error { return update("a#1", "SET duePartition = :p, dueSort = :s", nil, due("x#")) }, 1},
		{"another index key", func() error { return update("a#1", "SET duePartition = :p, dueSort = :s", nil, due("d#")) }, 3},
		{"out of the index", func() error { return update("a#1", "REMOVE dueSort", nil, nil) }, 2},
		{"a new item with an index entry", func() error { return update("a#2", "SET duePartition = :p, dueSort = :s", nil, due("x#")) }, 2},
		{"beyond one KB", func() error { return update("a#2", "SET x = :x", nil, long) }, 2},
		{"an item beyond one KB", func() error {
			return update("a#2", "SET y = :p", nil, map[string]types.AttributeValue{":p": text("1")})
		}, 2},
		{"less than one KB again", func() error { return update("a#2", "REMOVE x", nil, nil) }, 2},
		{"a transaction", func() error {
			_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{
				TableName: &table, Item: map[string]types.AttributeValue{contract.AttrKey: text("a#3")},
			}}}})
			return err
		}, 2},
	} {
		_, writes, err := units(m, step.do)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if writes != step.want {
			t.Errorf("%s: %v write units, want %v", step.name, writes, step.want)
		}
	}
	_, writes, err := units(m, func() error {
		return update("a#1", "SET x = :p", aws.String("attribute_not_exists(pk)"), map[string]types.AttributeValue{":p": text("1")})
	})
	if err == nil || writes != 1 {
		t.Errorf("a refused write: %v write units and error %v, want 1 and a refusal", writes, err)
	}
}

func TestReadUnits(t *testing.T) {
	table := "read-units"
	m, client := metered(t, table)
	partition, jobs := contract.DuePartition("mail", 0), 400
	for i := range jobs {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
			contract.AttrKey: text(fmt.Sprintf("mail#j%07d", i)), contract.AttrDuePartition: text(partition),
			contract.AttrDueSort: text(fmt.Sprintf("r#%013d", i)), "x": text(strings.Repeat("x", 5000)),
		}}); err != nil {
			t.Fatal(err)
		}
	}
	query := dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(contract.DueIndex), KeyConditionExpression: aws.String("duePartition = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": text(partition)},
	}
	count := query
	count.Select = types.SelectCount
	key := map[string]types.AttributeValue{contract.AttrKey: text("mail#j0000001")}
	absent := map[string]types.AttributeValue{contract.AttrKey: text("mail#none")}
	entries := EntrySize(item{":p": {"S": json.RawMessage(`"` + partition + `"`)}}) * jobs
	index := readUnits(entries, false)
	if entries < 3*4096 || index < 2 {
		t.Fatalf("%d bytes of index entries cost %v units: too few to tell a rule by", entries, index)
	}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
		want float64
	}{
		{"a consistent read of 5 KB", func(ctx context.Context) error {
			_, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
			return err
		}, 2},
		{"another one", func(ctx context.Context) error {
			_, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key})
			return err
		}, 1},
		{"a batch with an item that is not there", func(ctx context.Context) error {
			_, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {Keys: []map[string]types.AttributeValue{key, absent}}}})
			return err
		}, 1.5},
		{"a list of the index", func(ctx context.Context) error { _, err := client.Query(ctx, &query); return err }, index},
		{"a count of the index", func(ctx context.Context) error { _, err := client.Query(ctx, &count); return err }, index},
	} {
		reads, _, err := units(m, func() error { return step.do(t.Context()) })
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if reads != step.want {
			t.Errorf("%s: %v read units, want %v", step.name, reads, step.want)
		}
	}
}
