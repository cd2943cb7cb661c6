package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// retired is the name of the statement that closes a queue.
const retired = "WorkerTierRetired"

// stopIntake denies everybody but the pool's own roles to send to its queue: workers still announce the jobs that
// they hand back. It replaces nothing of the queue's policy, and [account.openIntake] takes it away again.
func (a *account) stopIntake(ctx context.Context, queueURL string, roles []string) error {
	arn, policy, err := a.policy(ctx, queueURL)
	if err != nil {
		return err
	}
	parts := strings.Split(arn, ":") // arn:<partition>:sqs:<region>:<account>:<name>
	if len(parts) != 6 {
		return fmt.Errorf("the queue %s has the odd ARN %q", queueURL, arn)
	}
	var own []string
	for _, name := range roles {
		own = append(own, "arn:"+parts[1]+":iam::"+parts[4]+":role/"+name)
	}
	deny := map[string]any{
		"Sid": retired, "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn,
	}
	if len(own) > 0 {
		deny["Condition"] = map[string]any{"ArnNotEquals": map[string]any{"aws:PrincipalArn": own}}
	}
	policy.Statement = append(without(policy.Statement), deny)
	return a.setPolicy(ctx, queueURL, policy)
}

// openIntake undoes [account.stopIntake].
func (a *account) openIntake(ctx context.Context, queueURL string) error {
	_, policy, err := a.policy(ctx, queueURL)
	if err != nil {
		return err
	}
	policy.Statement = without(policy.Statement)
	return a.setPolicy(ctx, queueURL, policy)
}

// queuePolicy is a policy document whose statements nobody needs to understand.
type queuePolicy struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement []map[string]any
}

func without(statements []map[string]any) []map[string]any {
	return slices.DeleteFunc(statements, func(s map[string]any) bool { return s["Sid"] == retired })
}

func (a *account) policy(ctx context.Context, queueURL string) (arn string, policy queuePolicy, err error) {
	out, err := a.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy, sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return "", policy, fmt.Errorf("read the policy of queue %s: %w", queueURL, err)
	}
	policy.Version = "2012-10-17"
	if text := out.Attributes["Policy"]; text != "" {
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return "", policy, fmt.Errorf("read the policy of queue %s: %w", queueURL, err)
		}
	}
	return out.Attributes["QueueArn"], policy, nil
}

func (a *account) setPolicy(ctx context.Context, queueURL string, policy queuePolicy) error {
	text := []byte{} // SQS takes an empty policy for none
	if len(policy.Statement) > 0 {
		var err error
		if text, err = json.Marshal(policy); err != nil {
			return err
		}
	}
	_, err := a.queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &queueURL, Attributes: map[string]string{"Policy": string(text)}})
	if err != nil {
		return fmt.Errorf("change the policy of queue %s: %w", queueURL, err)
	}
	return nil
}

// messages counts what waits in a queue, is being received, or is delayed; about.
func (a *account) messages(ctx context.Context, queueURL string) (int, error) {
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible, sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := a.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("count the messages in %s: %w", queueURL, err)
	}
	all := 0
	for _, name := range names {
		n := 0
		if _, err := fmt.Sscan(out.Attributes[string(name)], &n); err != nil {
			return 0, fmt.Errorf("count the messages in %s: %s is %q", queueURL, name, out.Attributes[string(name)])
		}
		all += n
	}
	return all, nil
}
