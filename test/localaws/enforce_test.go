package localaws

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Who uses a queue with a key needs the key too, by way of SQS.
func TestQueueWithAKeyAsksForTheKey(t *testing.T) {
	server := StartOwnT(t, Options{EnforceIAM: true})
	cfg := server.ConfigT(t)
	const key = "arn:aws:kms:" + Region + ":" + Account + ":key/1"
	queue := Call(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{
		QueueName: aws.String("jobs"), Attributes: map[string]string{"KmsMasterKeyId": key},
	})
	users := iam.NewFromConfig(cfg)
	user := aws.String("worker")
	Call(t, users.CreateUser, &iam.CreateUserInput{UserName: user})
	made := Call(t, users.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: user})
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}, nil
	})
	client := sqs.NewFromConfig(cfg)
	for _, c := range []struct {
		actions, via    string
		sends, receives bool
	}{
		{`"kms:ListKeys"`, "sqs", false, false},
		{`"kms:Decrypt"`, "sqs", false, true},
		{`"kms:Decrypt", "kms:GenerateDataKey"`, "sqs", true, true},
		{`"kms:Decrypt", "kms:GenerateDataKey"`, "sns", false, false},
	} {
		policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}, {"Effect": "Allow", "Action": [` + c.actions +
			`], "Resource": "` + key + `", "Condition": {"StringEquals": {"kms:ViaService": "` + c.via + `.` + Region + `.amazonaws.com"}}}]}`
		Call(t, users.PutUserPolicy, &iam.PutUserPolicyInput{UserName: user, PolicyName: aws.String("own"), PolicyDocument: &policy})
		_, sending := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("bell")})
		_, receiving := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
		if allowed(t, sending) != c.sends || allowed(t, receiving) != c.receives {
			t.Errorf("%s through %s: sending %v, receiving %v", c.actions, c.via, sending, receiving)
		}
	}
}

// allowed is false for a call that was denied; any other error ends the test.
func allowed(t *testing.T, err error) bool {
	t.Helper()
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusForbidden {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}
