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
		for what, call := range outsideCalls(ctx, l.as(r, ""), names) {
			tried++
			var response *awshttp.ResponseError
			switch err := call(); {
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
	for _, i := range l.launcher.All() {
		if i.ContentType == "docs" {
			o.instance = i.ID
		}
	}
	for _, find := range []struct {
		into            *string
		stack, kind, id string
	}{
		{&o.queue, "docs", queueKind, "PoolQueue"},
		{&o.ownQueue, "backup", queueKind, "PoolQueue"},
		{&o.group, "docs", "AWS::AutoScaling::AutoScalingGroup", ""},
		{&o.table, "shared", "AWS::DynamoDB::GlobalTable", ""},
		{&o.bucket, "shared", "AWS::S3::Bucket", "Artifacts"},
	} {
		if *find.into, err = l.resource(ctx, find.stack, find.kind, find.id); err != nil {
			return o, err
		}
	}
	return o, nil
}

// attempts are calls that must be denied, by what they are to do.
type attempts map[string]func() error

// last drops a call's answer.
func last(_ any, err error) error { return err }

func outsideCalls(ctx context.Context, cfg aws.Config, o others) attempts {
	all := attempts{
		"write metrics of another namespace": func() error {
			return last(cloudwatch.NewFromConfig(cfg).PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
				Namespace: new("AWS/SQS"), MetricData: []cwtypes.MetricDatum{{MetricName: new("ApproximateNumberOfMessagesVisible"), Value: new(0.0)}},
			}))
		},
		"write metrics of another environment": func() error {
			return last(cloudwatch.NewFromConfig(cfg).PutMetricData(ctx, &cloudwatch.PutMetricDataInput{
				Namespace: new(contract.MetricNamespace("tier", "elsewhere")), MetricData: []cwtypes.MetricDatum{{MetricName: new(contract.MetricBootFailures), Value: new(1.0)}},
			}))
		},
		"let an instance of another group go": func() error {
			return last(autoscaling.NewFromConfig(cfg).CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
				AutoScalingGroupName: &o.group, LifecycleHookName: new("drain"), InstanceId: new("i-0123456789abcdef0"), LifecycleActionResult: new("CONTINUE"),
			}))
		},
		"end an instance of another group": func() error {
			return last(autoscaling.NewFromConfig(cfg).TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
				InstanceId: &o.instance, ShouldDecrementDesiredCapacity: new(false),
			}))
		},
		"read another type's secret": func() error {
			return last(secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new(secret)}))
		},
		"look at instances": func() error {
			return last(ec2.NewFromConfig(cfg).DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))
		},
	}
	maps.Copy(all, outsideMessages(ctx, cfg, o))
	maps.Copy(all, outsideJobs(ctx, cfg, o))
	maps.Copy(all, outsideArtifacts(ctx, cfg, o))
	return all
}

func outsideMessages(ctx context.Context, cfg aws.Config, o others) attempts {
	queues := sqs.NewFromConfig(cfg)
	return attempts{
		"receive another type's messages": func() error {
			return last(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &o.queue}))
		},
		"receive its own messages without TLS": func() error {
			return last(queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &o.ownQueue}, func(o *sqs.Options) {
				o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("X-Forwarded-Proto", "http"))
			}))
		},
		"send to another type's queue": func() error {
			return last(queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &o.queue, MessageBody: new("{}")}))
		},
	}
}

func outsideJobs(ctx context.Context, cfg aws.Config, o others) attempts {
	jobs := dynamodb.NewFromConfig(cfg)
	key := func(k string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: k}}
	}
	query := func(index *string, attribute, partition string) error {
		return last(jobs.Query(ctx, &dynamodb.QueryInput{
			TableName: &o.table, IndexName: index, KeyConditionExpression: new("#p = :p"), ExpressionAttributeNames: map[string]string{"#p": attribute},
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: partition}},
		}))
	}
	return attempts{
		"read another type's job": func() error {
			return last(jobs.GetItem(ctx, &dynamodb.GetItemInput{TableName: &o.table, Key: key("docs#granted")}))
		},
		"read a job of a type whose name begins alike": func() error {
			return last(jobs.GetItem(ctx, &dynamodb.GetItemInput{TableName: &o.table, Key: key("backups#1")}))
		},
		"change another type's control item": func() error {
			return last(jobs.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &o.table, Key: key("control#docs"), UpdateExpression: new("REMOVE sweeper")}))
		},
		"read jobs of its own and of another type at once": func() error {
			return last(jobs.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
				o.table: {Keys: []map[string]types.AttributeValue{key("backup#first"), key("docs#granted")}},
			}}))
		},
		"list another type's due jobs": func() error { return query(new(contract.DueIndex), contract.AttrDuePartition, "docs#0") },
		"query the table":              func() error { return query(nil, contract.AttrKey, "backup#first") },
		"scan the table":               func() error { return last(jobs.Scan(ctx, &dynamodb.ScanInput{TableName: &o.table})) },
		"delete a job of its own": func() error {
			return last(jobs.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &o.table, Key: key("backup#first")}))
		},
	}
}

func outsideArtifacts(ctx context.Context, cfg aws.Config, o others) attempts {
	store := s3.NewFromConfig(cfg)
	return attempts{
		"write what it may only read": func() error {
			return last(store.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: new("docs/granted")}))
		},
		"read artifacts of a type that it does not name": func() error {
			return last(store.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: new("backups/1")}))
		},
		"delete an artifact of its own": func() error {
			return last(store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: new("backup/1")}))
		},
		"list the whole bucket": func() error { return last(store.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &o.bucket})) },
		"list what begins alike": func() error {
			return last(store.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &o.bucket, Prefix: new("backup")}))
		},
	}
}
