// Command gocloud is the peer of make bench that a Go team would write with gocloud.dev/pubsub on SQS and one
// DynamoDB row per job.
//
// It has what its documentation recommends: a receive loop with a semaphore, long polls, acks after the work
// (gocloud.dev/howto/pubsub/subscribe). By hand it adds the row (state, cursor, progress), an extension of the
// visibility timeout at each heartbeat, which the library does not offer, and a drain that saves the cursor and gives the
// message back.
//
// Less than the worker: no fencing (a worker that was frozen past its visibility timeout writes on), no processes of
// their own for jobs, no limit of memory, no index that finds jobs without a message, no cancel, pause or retry with
// backoff, at most 12 hours per job, and drains count as receives. More: the library receives ahead of the work to keep its
// handlers busy, so messages of which nothing is done yet are hidden from other workers and from scaling.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/awssnssqs"

	"github.com/worker-tier/worker-tier/test/bench/peers/peer"
	"github.com/worker-tier/worker-tier/test/bench/work"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gocloud:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	settings, err := peer.FromEnviron()
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	h := handler{Settings: settings, queue: sqs.NewFromConfig(cfg), table: dynamodb.NewFromConfig(cfg)}
	subscription := awssnssqs.OpenSubscription(ctx, h.queue, settings.QueueURL, &awssnssqs.SubscriptionOptions{WaitTime: 20 * time.Second})
	receive(ctx, subscription, h)
	// Flushes the acks that are still waiting for a batch.
	return subscription.Shutdown(context.WithoutCancel(ctx))
}

// receive handles messages until ctx ends, then waits for the handlers.
func receive(ctx context.Context, subscription *pubsub.Subscription, h handler) {
	slots := make(chan struct{}, h.Slots)
	var handlers sync.WaitGroup
	defer handlers.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		message, err := subscription.Receive(ctx)
		if err != nil {
			return // ctx has ended: Receive tries again what can be tried again
		}
		handlers.Go(func() {
			defer func() { <-slots }()
			switch err := h.handle(ctx, message); {
			case err == nil:
				message.Ack()
			case errors.Is(err, context.Canceled):
				message.Nack()
			default:
				fmt.Fprintln(os.Stderr, "job failed:", err)
				message.Nack()
			}
		})
	}
}

type handler struct {
	peer.Settings
	queue *sqs.Client
	table *dynamodb.Client
}

// message is the envelope of the worker's submissions.
type message struct {
	ID      string       `json:"id"`
	Payload work.Payload `json:"payload"`
}

func (h handler) handle(ctx context.Context, from *pubsub.Message) error {
	var m message
	if err := json.Unmarshal(from.Body, &m); err != nil {
		return err
	}
	save := context.WithoutCancel(ctx) // what is written in a drain
	done, over, err := h.begin(save, m)
	if err != nil || over {
		return err
	}
	if err := work.Note(m.ID, work.Begun, m.Payload); err != nil {
		return err
	}
	end := h.extend(save, from)
	defer end()
	for saved := time.Now(); done < m.Payload.Steps; {
		if err := m.Payload.Step(save); err != nil {
			return err
		}
		done++
		if ctx.Err() != nil && done < m.Payload.Steps {
			return errors.Join(h.progress(save, m.ID, done), ctx.Err())
		}
		if time.Since(saved) >= h.Checkpoint && done < m.Payload.Steps {
			saved = time.Now()
			if err := h.progress(save, m.ID, done); err != nil {
				return err
			}
		}
	}
	if err := work.Note(m.ID, work.Ended, m.Payload); err != nil {
		return err
	}
	return h.finish(save, m.ID, done)
}

// begin writes that the job is in progress and returns where it was; over: it is done already.
func (h handler) begin(ctx context.Context, m message) (done int64, over bool, err error) {
	out, err := h.table.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Table, Key: key(m.ID),
		UpdateExpression:          aws.String("SET #s = :running, startedAt = :now, worker = :worker"),
		ConditionExpression:       aws.String("attribute_not_exists(#s) OR #s <> :done"),
		ExpressionAttributeNames:  map[string]string{"#s": "state"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":running": text("RUNNING"), ":done": text("DONE"), ":now": number(time.Now().UnixMilli()), ":worker": text(strconv.Itoa(os.Getpid()))},
		ReturnValues:              types.ReturnValueAllNew,
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		return 0, true, nil
	}
	if err != nil {
		return 0, false, err
	}
	if at, ok := out.Attributes["done"].(*types.AttributeValueMemberN); ok {
		done, err = strconv.ParseInt(at.Value, 10, 64)
	}
	return done, false, err
}

func (h handler) progress(ctx context.Context, id string, done int64) error {
	_, err := h.table.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Table, Key: key(id), UpdateExpression: aws.String("SET done = :done, updatedAt = :now"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":done": number(done), ":now": number(time.Now().UnixMilli())},
	})
	return err
}

func (h handler) finish(ctx context.Context, id string, done int64) error {
	_, err := h.table.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &h.Table, Key: key(id), UpdateExpression: aws.String("SET #s = :state, done = :done, updatedAt = :now"),
		ExpressionAttributeNames:  map[string]string{"#s": "state"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":state": text("DONE"), ":done": number(done), ":now": number(time.Now().UnixMilli())},
	})
	return err
}

// extend hides the message for another lease at each heartbeat, until end.
func (h handler) extend(ctx context.Context, from *pubsub.Message) (end func()) {
	var raw sqstypes.Message
	from.As(&raw)
	ctx, cancel := context.WithCancel(ctx)
	var extending sync.WaitGroup
	extending.Go(func() {
		heartbeat := time.NewTicker(h.Heartbeat)
		defer heartbeat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-heartbeat.C:
				_, err := h.queue.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
					QueueUrl: &h.QueueURL, ReceiptHandle: raw.ReceiptHandle, VisibilityTimeout: int32(h.Lease / time.Second),
				})
				if err != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "visibility timeout not extended:", err)
				}
			}
		}
	})
	return func() { cancel(); extending.Wait() }
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(id)}
}

func text(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }

func number(v int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
}
