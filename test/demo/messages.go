package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// reasonAttribute is the message attribute of a dead-lettered message that says why it is there.
const reasonAttribute = "Reason"

// unreadable are messages that no job can be made of: one is not JSON, one has no payload.
var unreadable = []string{"hello", `{"tenant": "acme"}`}

// badMessages sends unreadable messages and then a good one.
func (d *demo) badMessages(ctx context.Context) (string, error) {
	const contentType, id = "docs", "after-bad-messages"
	queue, err := localtier.Parameter(ctx, d.AWS, contract.QueueURLParameter(d.config.tier.Name, environment, contentType))
	if err != nil {
		return "", err
	}
	send := func(body string) error {
		_, err := d.tier.Queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
		return err
	}
	for _, body := range unreadable {
		if err := send(body); err != nil {
			return "", err
		}
	}
	instances, err := d.running(ctx, contentType, 1)
	if err != nil {
		return "", err
	}
	reasons, err := d.deadLetters(ctx, instances[0])
	if err != nil {
		return "", err
	}
	if err := send(fmt.Sprintf(`{"id": %q, "payload": {"directory": %q}}`, id, d.tree+"/time")); err != nil {
		return "", err
	}
	if _, err := d.awaitDone(ctx, contentType, id); err != nil {
		return "", err
	}
	if still, err := d.running(ctx, contentType, 1); err != nil || still[0] != instances[0] {
		return "", fmt.Errorf("instance %s did not go on: %w", instances[0].ID, err)
	}
	return fmt.Sprintf("%s; the worker went on to the next message", strings.Join(reasons, "; ")), nil
}

// deadLetters waits for the unreadable messages in the dead-letter queue that an instance was told of.
func (d *demo) deadLetters(ctx context.Context, i *localec2.Instance) ([]string, error) {
	queue := i.Document.WorkerTier.Environment[contract.EnvDeadLetterQueueURL]
	found := map[string]string{}
	err := localtier.Await(ctx, "the unreadable messages in "+queue, jobTime, func(ctx context.Context) (bool, error) {
		got, err := d.tier.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
		if err != nil {
			return false, err
		}
		for _, m := range got.Messages {
			reason := m.MessageAttributes[reasonAttribute].StringValue
			if reason == nil || *reason == "" {
				return false, fmt.Errorf("message %q has no %s", *m.Body, reasonAttribute)
			}
			found[*m.Body] = *reason
		}
		return len(found) >= len(unreadable), nil
	})
	var reasons []string
	for _, body := range unreadable {
		if err == nil && found[body] == "" {
			err = fmt.Errorf("%q is not in the dead-letter queue, but %v are", body, found)
		}
		reasons = append(reasons, fmt.Sprintf("%q: %s", body, found[body]))
	}
	return reasons, err
}
