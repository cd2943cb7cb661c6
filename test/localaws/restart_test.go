package localaws

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// TestHaltedServerKeepsWhatItHolds stops a server for real, looks that its port refuses, and finds table,
// index, queue, objects and groups as they were after its start.
func TestHaltedServerKeepsWhatItHolds(t *testing.T) {
	s := StartOwnT(t, Options{Persist: true})
	cfg := s.ConfigT(t)
	table, queues, store := dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	name := aws.String("kept")
	CreateJobTable(t, table, *name)
	item := map[string]types.AttributeValue{
		contract.AttrKey:          &types.AttributeValueMemberS{Value: "mail#1"},
		contract.AttrEpoch:        &types.AttributeValueMemberN{Value: "7"},
		contract.AttrPaused:       &types.AttributeValueMemberBOOL{Value: true},
		contract.AttrDuePartition: &types.AttributeValueMemberS{Value: "mail#0"},
		contract.AttrDueSort:      &types.AttributeValueMemberS{Value: "x#"},
	}
	Call(t, table.PutItem, &dynamodb.PutItemInput{TableName: name, Item: item})
	queue := Call(t, queues.CreateQueue, &sqs.CreateQueueInput{QueueName: name})
	Call(t, queues.SendMessage, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("bell")})
	Call(t, store.CreateBucket, &s3.CreateBucketInput{Bucket: name})
	Call(t, store.PutObject, &s3.PutObjectInput{Bucket: name, Key: aws.String("mail/pack"), Body: strings.NewReader("content")})
	deployed := deploy(t, cfg, "kept", groupTemplate)

	if err := s.Halt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.Endpoint(), "http://"), time.Second); err == nil {
		_ = conn.Close()
		t.Error("a halted server takes connections")
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}

	due, err := table.Query(t.Context(), &dynamodb.QueryInput{
		TableName: name, IndexName: aws.String(contract.DueIndex), KeyConditionExpression: aws.String(contract.AttrDuePartition + " = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": item[contract.AttrDuePartition]},
	})
	if err != nil || len(due.Items) != 1 {
		t.Fatalf("the index lists %d items, want 1 (%v)", len(due.Items), err)
	}
	got := Call(t, table.GetItem, &dynamodb.GetItemInput{TableName: name, Key: map[string]types.AttributeValue{contract.AttrKey: item[contract.AttrKey]}})
	if diff := cmp.Diff(item, got.Item, cmp.AllowUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberBOOL{})); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	received, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(received.Messages) != 1 || *received.Messages[0].Body != "bell" {
		t.Errorf("received %v (%v), want the message that was sent", received, err)
	}
	object := Call(t, store.GetObject, &s3.GetObjectInput{Bucket: name, Key: aws.String("mail/pack")})
	if text, err := io.ReadAll(object.Body); err != nil || string(text) != "content" {
		t.Errorf("object %q (%v)", text, err)
	}
	hooks, err := autoscaling.NewFromConfig(cfg).DescribeLifecycleHooks(t.Context(), &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: aws.String(deployed["Group"])})
	if err != nil || len(hooks.LifecycleHooks) != 1 {
		t.Errorf("hooks %v (%v), want the one of the template", hooks, err)
	}
}

func TestHaltNeedsPersist(t *testing.T) {
	if err := StartT(t).Halt(t.Context()); err == nil || !strings.Contains(err.Error(), "Persist") {
		t.Errorf("error %v: want a refusal that names Persist", err)
	}
}
