package workerpool

import (
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
	// visibilityMinutes is far longer than a claim takes; the message is deleted once the job is claimed.
	visibilityMinutes = 2
)

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
		VisibilityTimeout: visibility(),
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
