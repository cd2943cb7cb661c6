package life

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// outside makes calls by the role of "backup" that it must not make, most of them its own calls on what is
// another content type's, and returns how many of how many were denied: the endpoint that let the worker through does enforce.
func (l *life) outside(ctx context.Context) (denied, tried int, err error) {
	names, err := l.othersNames(ctx)
	if err != nil {
		return 0, 0, err
	}
	var errs []error
	for _, r := range l.roles {
		if r.contentType != "backup" {
			continue
		}
		for what, call := range outsideCalls(l.as(r, ""), names) {
			tried++
			var response *awshttp.ResponseError
			switch err := call(ctx); {
			case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden:
				denied++
			case err == nil:
				errs = append(errs, fmt.Errorf("backup may %s", what))
			default:
				errs = append(errs, fmt.Errorf("backup, asked to %s, was not denied but: %w", what, err))
			}
		}
	}
	return denied, tried, errors.Join(errs...)
}

// others are what the content type docs has, and what all share.
type others struct{ queue, group, table, bucket, ownQueue, instance string }

func (l *life) othersNames(ctx context.Context) (o others, err error) {
	o.table, o.bucket = l.deployed.Table, l.deployed.Artifacts.Name
	for _, i := range localec2.Of("docs", l.Launcher.All()) {
		o.instance = i.ID
	}
	for _, find := range []struct {
		into            *string
		stack, kind, id string
	}{
		{&o.queue, "docs", queueKind, "PoolQueue"},
		{&o.ownQueue, "backup", queueKind, "PoolQueue"},
		{&o.group, "docs", "AWS::AutoScaling::AutoScalingGroup", ""},
	} {
		if *find.into, err = l.resource(ctx, find.stack, find.kind, find.id); err != nil {
			return o, err
		}
	}
	return o, nil
}

// attempts are calls that must be denied, by what they are to do.
type attempts map[string]func(context.Context) error

// try is a call whose answer does not matter.
func try[In, Out, Option any](operation func(context.Context, In, ...Option) (Out, error), in In, options ...Option) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := operation(ctx, in, options...)
		return err
	}
}

func outsideCalls(cfg aws.Config, o others) attempts {
	all := attempts{
		"write metrics of another namespace": try(cloudwatch.NewFromConfig(cfg).PutMetricData, &cloudwatch.PutMetricDataInput{
			Namespace: new("AWS/SQS"), MetricData: []cwtypes.MetricDatum{{MetricName: new("ApproximateNumberOfMessagesVisible"), Value: new(0.0)}},
		}),
		"write metrics of another environment": try(cloudwatch.NewFromConfig(cfg).PutMetricData, &cloudwatch.PutMetricDataInput{
			Namespace: new(contract.MetricNamespace("tier", "elsewhere")), MetricData: []cwtypes.MetricDatum{{MetricName: new(contract.MetricBootFailures), Value: new(1.0)}},
		}),
		"let an instance of another group go": try(autoscaling.NewFromConfig(cfg).CompleteLifecycleAction, &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: &o.group, LifecycleHookName: new("drain"), InstanceId: new("i-0123456789abcdef0"), LifecycleActionResult: new("CONTINUE"),
		}),
		"end an instance of another group": try(autoscaling.NewFromConfig(cfg).TerminateInstanceInAutoScalingGroup, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
			InstanceId: &o.instance, ShouldDecrementDesiredCapacity: new(false),
		}),
		"read another type's secret": try(secretsmanager.NewFromConfig(cfg).GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: new(secret)}),
		"look at instances":          try(ec2.NewFromConfig(cfg).DescribeInstances, &ec2.DescribeInstancesInput{}),
	}
	maps.Copy(all, outsideMessages(cfg, o))
	maps.Copy(all, outsideJobs(cfg, o))
	maps.Copy(all, outsideArtifacts(cfg, o))
	return all
}

func outsideMessages(cfg aws.Config, o others) attempts {
	queues := sqs.NewFromConfig(cfg)
	return attempts{
		"receive another type's messages": try(queues.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: &o.queue}),
		"receive its own messages without TLS": try(queues.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: &o.ownQueue}, func(o *sqs.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("X-Forwarded-Proto", "http"))
		}),
		"send to another type's queue": try(queues.SendMessage, &sqs.SendMessageInput{QueueUrl: &o.queue, MessageBody: new("{}")}),
	}
}

func outsideJobs(cfg aws.Config, o others) attempts {
	jobs := dynamodb.NewFromConfig(cfg)
	key := func(k string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: k}}
	}
	query := func(index *string, attribute, partition string) func(context.Context) error {
		return try(jobs.Query, &dynamodb.QueryInput{
			TableName: &o.table, IndexName: index, KeyConditionExpression: new("#p = :p"), ExpressionAttributeNames: map[string]string{"#p": attribute},
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: partition}},
		})
	}
	return attempts{
		"read another type's job":                      try(jobs.GetItem, &dynamodb.GetItemInput{TableName: &o.table, Key: key("docs#granted")}),
		"read a job of a type whose name begins alike": try(jobs.GetItem, &dynamodb.GetItemInput{TableName: &o.table, Key: key("backups#1")}),
		"change another type's control item":           try(jobs.UpdateItem, &dynamodb.UpdateItemInput{TableName: &o.table, Key: key("control#docs"), UpdateExpression: new("REMOVE sweeper")}),
		"read jobs of its own and of another type at once": try(jobs.BatchGetItem, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			o.table: {Keys: []map[string]types.AttributeValue{key("backup#first"), key("docs#granted")}},
		}}),
		"list another type's due jobs": query(new(contract.DueIndex), contract.AttrDuePartition, "docs#0"),
		"query the table":              query(nil, contract.AttrKey, "backup#first"),
		"scan the table":               try(jobs.Scan, &dynamodb.ScanInput{TableName: &o.table}),
		"delete a job of its own":      try(jobs.DeleteItem, &dynamodb.DeleteItemInput{TableName: &o.table, Key: key("backup#first")}),
	}
}

func outsideArtifacts(cfg aws.Config, o others) attempts {
	store := s3.NewFromConfig(cfg)
	return attempts{
		"write what it may only read":                    try(store.PutObject, &s3.PutObjectInput{Bucket: &o.bucket, Key: new("docs/granted")}),
		"read artifacts of a type that it does not name": try(store.GetObject, &s3.GetObjectInput{Bucket: &o.bucket, Key: new("backups/1")}),
		"delete an artifact of its own":                  try(store.DeleteObject, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: new("backup/1")}),
		"list the whole bucket":                          try(store.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: &o.bucket}),
		"list what begins alike":                         try(store.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: &o.bucket, Prefix: new("backup")}),
	}
}
