package awsproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// start returns a proxy and an SDK configuration that goes through it.
func start(t *testing.T, journal io.Writer) (*Proxy, aws.Config) {
	t.Helper()
	server := localaws.StartT(t)
	p, err := Start(server.Endpoint(), journal, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	cfg := server.ConfigT(t)
	cfg.BaseEndpoint = &p.URL
	return p, cfg
}

func newTable(t *testing.T, client *dynamodb.Client) *string {
	t.Helper()
	name := new(t.Name())
	localaws.Call(t, client.CreateTable, &dynamodb.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("pk"), AttributeType: types.ScalarAttributeTypeS}},
	})
	waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = 50 * time.Millisecond })
	if err := waiter.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return name
}

// set writes the item's epoch if it is still the one expected.
func set(ctx context.Context, client *dynamodb.Client, table *string, expected, epoch string) error {
	_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: table, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "mail#1"}},
		ConditionExpression: new("attribute_not_exists(epoch) OR epoch = :e"), UpdateExpression: new("SET epoch = :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":e": &types.AttributeValueMemberN{Value: expected}, ":n": &types.AttributeValueMemberN{Value: epoch},
		},
	})
	return err
}

func TestRequestsAreRecordedWithTheirAnswers(t *testing.T) {
	var journal bytes.Buffer
	p, cfg := start(t, &journal)
	bucket := new("recorded")
	store := s3.NewFromConfig(cfg)
	body := strings.Repeat("x", 3<<20)
	localaws.Call(t, store.CreateBucket, &s3.CreateBucketInput{Bucket: bucket})
	localaws.Call(t, store.PutObject, &s3.PutObjectInput{Bucket: bucket, Key: new("mail/pack"), Body: strings.NewReader(body)})
	got := localaws.Call(t, store.GetObject, &s3.GetObjectInput{Bucket: bucket, Key: new("mail/pack")})
	if back, err := io.ReadAll(got.Body); err != nil || string(back) != body {
		t.Fatalf("read back %d bytes (%v), want the %d written", len(back), err, len(body))
	}
	_, _ = store.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: new("none")})
	_, _ = cloudwatch.NewFromConfig(cfg).ListMetrics(t.Context(), nil)
	_, _ = autoscaling.NewFromConfig(cfg).SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: new("none"), DesiredCapacity: new(int32(1))})
	type row struct {
		Service, Operation, Path string
		Bytes                    int64
		Status                   int
		Code                     string
	}
	var rows []row
	for _, r := range p.Requests(func(Request) bool { return true }) {
		if r.Service != "s3" {
			r.Path, r.Bytes = "", 0
		}
		rows = append(rows, row{r.Service, r.Operation, r.Path, r.Bytes, r.Status, r.Code})
	}
	want := []row{
		{"s3", "PutObject", "/recorded", 0, 200, ""},
		{"s3", "PutObject", "/recorded/mail/pack", 3 << 20, 200, ""},
		{"s3", "GetObject", "/recorded/mail/pack", 0, 200, ""},
		{"s3", "GetObject", "/recorded/none", 0, 404, "NoSuchKey"},
		{"monitoring", "ListMetrics", "", 0, 200, ""},
		{"autoscaling", "SetDesiredCapacity", "", 0, 400, "ValidationError"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if lines := strings.Count(journal.String(), "\n"); lines != len(want) || !json.Valid([]byte(strings.SplitN(journal.String(), "\n", 2)[0])) {
		t.Errorf("the journal has %d lines, want %d of JSON", lines, len(want))
	}
}

func TestHeldWriteIsDeliveredLaterAndAnsweredByTheTable(t *testing.T) {
	p, cfg := start(t, io.Discard)
	_, direct := start(t, io.Discard)
	client, other := dynamodb.NewFromConfig(cfg), dynamodb.NewFromConfig(direct)
	table := newTable(t, client)
	if err := set(t.Context(), client, table, "0", "1"); err != nil {
		t.Fatal(err)
	}
	hold := p.Hold(func(r Request) bool {
		return r.Operation == "UpdateItem" && bytes.Contains(r.Body, []byte("mail#1"))
	})
	gone, giveUp := context.WithCancel(t.Context())
	late := make(chan error, 1)
	go func() { late <- set(gone, client, table, "1", "2") }()
	<-hold.Arrived()
	if err := set(t.Context(), other, table, "1", "7"); err != nil {
		t.Fatalf("another client's write while one is held: %v", err)
	}
	if err := set(t.Context(), client, table, "7", "8"); err != nil {
		t.Fatalf("the same client's next write while one is held: %v", err)
	}
	giveUp()
	if err := <-late; !errors.Is(err, context.Canceled) {
		t.Fatalf("the writer that gave up: %v", err)
	}
	r, err := hold.Release(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Held || r.Status != 400 || r.Code != "ConditionalCheckFailedException" {
		t.Errorf("held write was answered %+v, want the table's refusal", r)
	}
	item := localaws.Call(t, other.GetItem, &dynamodb.GetItemInput{TableName: table, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "mail#1"}}})
	if epoch := item.Item["epoch"].(*types.AttributeValueMemberN).Value; epoch != "8" {
		t.Errorf("epoch %s, want 8: the late write changed it", epoch)
	}
}
