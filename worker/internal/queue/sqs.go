package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// callTimeout bounds a call with all the SDK's tries: a connection that answers nothing must not hold up a
// drain. It is well within a lease of a minute and the wait for a service to stop.
const callTimeout = 10 * time.Second

// SQS is a queue with its dead-letter queue.
type SQS struct {
	client     *sqs.Client
	url        string
	deadLetter string
}

// NewSQS returns the queue with the given URLs; a deadLetter of "" makes Reject fail.
func NewSQS(client *sqs.Client, url, deadLetter string) *SQS {
	return &SQS{client: client, url: url, deadLetter: deadLetter}
}

// Send puts a message into the queue that can be received after delay, at most MaxDelay.
func (q *SQS) Send(ctx context.Context, body string, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.url, MessageBody: &body, DelaySeconds: int32((delay + time.Second - 1) / time.Second),
	})
	return q.wrap("send", err)
}

// Receive takes up to most messages (SQS gives at most MaxReceived) and waits up to wait (at most 20 s) for the first.
func (q *SQS) Receive(ctx context.Context, most int, wait time.Duration) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+callTimeout)
	defer cancel()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(min(most, MaxReceived)), WaitTimeSeconds: int32(wait / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
		},
	})
	if err != nil {
		return nil, q.wrap("receive", err)
	}
	messages := make([]Message, len(out.Messages))
	for i, m := range out.Messages {
		sent, _ := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
		receives, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
		messages[i] = Message{
			ID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body), Receipt: aws.ToString(m.ReceiptHandle),
			SentAt: time.UnixMilli(sent).UTC(), Receives: receives,
		}
	}
	return messages, nil
}

// Delete removes received messages, ten to a request.
func (q *SQS) Delete(ctx context.Context, messages []Message) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var errs []error
	for len(messages) > 0 {
		n := min(len(messages), 10)
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
		for i, m := range messages[:n] {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(m.Receipt)})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err == nil && len(out.Failed) > 0 {
			err = fmt.Errorf("%d of %d: %s", len(out.Failed), n, aws.ToString(out.Failed[0].Message))
		}
		errs = append(errs, q.wrap("delete", err))
		messages = messages[n:]
	}
	return errors.Join(errs...)
}

// Return makes a received message visible again at once.
func (q *SQS) Return(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: aws.String(m.Receipt), VisibilityTimeout: 0})
	return q.wrap("return", err)
}

// Reject puts a message that cannot be read into the dead-letter queue with the reason as a message
// attribute, then deletes it: a crash between the two leaves two copies, never none.
func (q *SQS) Reject(ctx context.Context, m Message, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &q.deadLetter, MessageBody: aws.String(m.Body),
		MessageAttributes: map[string]types.MessageAttributeValue{
			ReasonAttribute: {DataType: aws.String("String"), StringValue: aws.String(printable(reason))},
		},
	})
	if err != nil {
		return q.wrap("dead-letter", err)
	}
	return q.Delete(ctx, []Message{m})
}

// Visible counts the messages that can be received now, approximately.
func (q *SQS) Visible(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
	})
	if err != nil {
		return 0, q.wrap("measure", err)
	}
	n, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)])
	return n, q.wrap("measure", err)
}

func (q *SQS) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s messages of queue %s: %w", op, q.url, err)
}
