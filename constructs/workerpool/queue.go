package workerpool

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
)

const (
	// maxReceiveCount is high because a message is received again whenever a worker dies between
	// receiving and claiming, which says nothing about the job.
	maxReceiveCount = 20
	// retentionDays is the longest that SQS keeps a message, in both queues.
	retentionDays = 14
)

// visibilityTimeout is a lease: a claim is settled or given up in less, and the message deleted. A longer
// one would delay the jobs whose bell went to a worker that died or froze in its long poll.
func visibilityTimeout(lease time.Duration) time.Duration { return lease.Round(time.Second) }

// addQueues defines both queues: encrypted by SQS, reached over TLS only, and kept when the stack goes
// unless the environment is disposable.
func (pool *WorkerPool) addQueues(name *names) {
	removal := awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	if name.Disposable {
		removal = awscdk.RemovalPolicy_DESTROY
	}
	deadLetters := awssqs.NewQueue(pool.Construct, new("DeadLetterQueue"), &awssqs.QueueProps{
		RetentionPeriod: retention(),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      new(true),
		RemovalPolicy:   removal,
	})
	queue := awssqs.NewQueue(pool.Construct, new("Queue"), &awssqs.QueueProps{
		RetentionPeriod:   retention(),
		VisibilityTimeout: seconds(visibilityTimeout(name.ContentType.Job.Lease)),
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:        new(true),
		RemovalPolicy:     removal,
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: deadLetters, MaxReceiveCount: new(float64(maxReceiveCount))},
	})
	pool.Queue, pool.DeadLetterQueue = queue, deadLetters
	name.queue, name.queueARN, name.queueURL = *queue.QueueName(), *queue.QueueArn(), *queue.QueueUrl()
	name.deadLetterQueue, name.deadLetterQueueARN, name.deadLetterQueueURL = *deadLetters.QueueName(), *deadLetters.QueueArn(), *deadLetters.QueueUrl()

	if len(name.ContentType.Producers) > 0 {
		queue.AddToResourcePolicy(awsiam.PolicyStatement_FromJson(map[string]any{
			"Sid":       "Producers",
			"Effect":    "Allow",
			"Principal": map[string]any{"AWS": name.ContentType.Producers},
			"Action":    []string{"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
			"Resource":  name.queueARN,
		}))
	}
}
