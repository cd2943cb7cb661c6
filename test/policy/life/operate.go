package life

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// makeDue puts the next ring of a READY job into the past: five minutes have gone by.
func (l *life) makeDue(ctx context.Context, key string) error {
	past := time.Now().Add(-time.Second).UnixMilli()
	_, err := l.deployed.Jobs.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.deployed.Table, Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: key}},
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
			for _, i := range l.Launcher.All() {
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
	if err := i.AwaitEnd(ctx, sceneTime); err != nil {
		return err
	}
	return await(ctx, "another instance", func(context.Context) (bool, error) {
		all := l.Launcher.All()
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
	_, err = l.deployed.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
	return err
}

func (l *life) setDesired(ctx context.Context, contentType string, n int32) error {
	group, err := l.resource(ctx, contentType, "AWS::AutoScaling::AutoScalingGroup", "")
	if err != nil {
		return err
	}
	_, err = l.deployed.Groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: &n})
	return err
}

// instance waits for a running instance of a content type.
func (l *life) instance(ctx context.Context, contentType string) (*localec2.Instance, error) {
	var found *localec2.Instance
	err := await(ctx, "an instance of "+contentType, func(context.Context) (bool, error) {
		if running := localec2.Of(contentType, l.Launcher.Instances()); len(running) > 0 {
			found = running[len(running)-1]
		}
		return found != nil, nil
	})
	return found, err
}

// awaitJob waits until a job is as wanted.
func (l *life) awaitJob(ctx context.Context, contentType, id, what string, wanted func(localtier.Record) bool) error {
	_, err := l.deployed.AwaitJob(ctx, contentType, id, what, sceneTime, wanted)
	return err
}

// awaitDone waits until a job is done.
func (l *life) awaitDone(ctx context.Context, contentType, id string) error {
	return l.awaitJob(ctx, contentType, id, "DONE", localtier.IsDone)
}

// underWay waits until a job has saved a cursor.
func (l *life) underWay(ctx context.Context, contentType, id string) error {
	return l.awaitJob(ctx, contentType, id, "under way", func(r localtier.Record) bool { return r.State == "RUNNING" && r.Seq >= 2 })
}
