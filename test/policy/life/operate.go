package life

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// makeDue puts the next ring of a READY job into the past: five minutes have gone by.
func (l *life) makeDue(ctx context.Context, key string) error {
	table, err := l.table(ctx)
	if err != nil {
		return err
	}
	past := time.Now().Add(-time.Second).UnixMilli()
	_, err = l.jobs.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &table, Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: key}},
		ConditionExpression: new("attribute_exists(" + contract.AttrKey + ")"),
		UpdateExpression:    new("SET " + contract.AttrRingAt + " = :at, " + contract.AttrDueSort + " = :sort"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":at": &types.AttributeValueMemberN{Value: strconv.FormatInt(past, 10)}, ":sort": &types.AttributeValueMemberS{Value: fmt.Sprintf("r#%013d", past)},
		},
	})
	return err
}

// called waits until some instance has called an operation.
func (l *life) called(operation string) func(context.Context) error {
	return func(ctx context.Context) error {
		return await(ctx, "a call of "+operation, func(context.Context) (bool, error) {
			for _, i := range l.launcher.All() {
				if len(i.AWS.Requests(func(r awsproxy.Request) bool { return r.Operation == operation })) > 0 {
					return true, nil
				}
			}
			return false, nil
		})
	}
}

// goesAndIsReplaced waits until an instance has ended and its group has another.
func (l *life) goesAndIsReplaced(ctx context.Context, i *localec2.Instance) error {
	select {
	case <-i.Machine.Done():
	case <-time.After(sceneTime):
		return fmt.Errorf("instance %s did not end within %s", i.ID, sceneTime)
	}
	return await(ctx, "another instance", func(context.Context) (bool, error) {
		all := l.launcher.All()
		return all[len(all)-1] != i, nil
	})
}

func (l *life) roleOf(i *localec2.Instance) role {
	for _, r := range l.roles {
		if r.contentType == i.ContentType {
			return r
		}
	}
	panic("an instance of no content type: " + i.ContentType) // they come from the tier's own groups
}

// submit sends a job of the content type docs, whose program waits for the signal to stop and then for
// wait; with "" it ends at once.
func (l *life) submit(ctx context.Context, contentType, id, wait string) error {
	payload, err := json.Marshal(map[string]any{"id": id, "payload": map[string]string{
		"Secret": secret, "Parameter": contract.TableParameter(l.tier.config.Name, environment), "Wait": wait,
	}})
	if err != nil {
		return err
	}
	return l.send(ctx, contentType, string(payload))
}

func (l *life) send(ctx context.Context, contentType, body string) error {
	queue, err := l.resource(ctx, contentType, queueKind, "PoolQueue")
	if err != nil {
		return err
	}
	_, err = l.queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
	return err
}

func (l *life) setDesired(ctx context.Context, contentType string, n int32) error {
	group, err := l.resource(ctx, contentType, "AWS::AutoScaling::AutoScalingGroup", "")
	if err != nil {
		return err
	}
	_, err = l.groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: &n})
	return err
}

func (l *life) table(ctx context.Context) (string, error) {
	return l.resource(ctx, "shared", "AWS::DynamoDB::GlobalTable", "")
}

// instance waits for a running instance of a content type.
func (l *life) instance(ctx context.Context, contentType string) (*localec2.Instance, error) {
	var found *localec2.Instance
	err := await(ctx, "an instance of "+contentType, func(context.Context) (bool, error) {
		for _, i := range l.launcher.Instances() {
			if i.ContentType == contentType {
				found = i
			}
		}
		return found != nil, nil
	})
	return found, err
}

// awaitJob waits until a job is in a state, with a counter at least at a value.
func (l *life) awaitJob(ctx context.Context, key, state, counter string, least int64) error {
	table, err := l.table(ctx)
	if err != nil {
		return err
	}
	return await(ctx, fmt.Sprintf("job %s to be %s with %s at least %d", key, state, counter, least), func(ctx context.Context) (bool, error) {
		got, err := l.jobs.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: key}},
		})
		if err != nil {
			return false, err
		}
		var item struct {
			State, LastError string
		}
		if v, ok := got.Item[contract.AttrState].(*types.AttributeValueMemberS); ok {
			item.State = v.Value
		}
		if v, ok := got.Item[contract.AttrLastError].(*types.AttributeValueMemberS); ok {
			item.LastError = v.Value
		}
		if item.State == "DEAD" && state != "DEAD" {
			return false, fmt.Errorf("it is DEAD: %s", item.LastError)
		}
		n := int64(0)
		if v, ok := got.Item[counter].(*types.AttributeValueMemberN); ok {
			n, _ = strconv.ParseInt(v.Value, 10, 64)
		}
		return item.State == state && n >= least, nil
	})
}
