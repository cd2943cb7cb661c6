package workerpool

import (
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
)

const (
	// maxReceiveCount is high because a message is received again whenever a worker dies between
	// receiving and claiming, which says nothing about the job.
	maxReceiveCount = 20
	// dataKeyReuse is how long SQS goes on with a data key before it asks KMS for another, where a key of the user's
	// encrypts the queues. SQS's own default, five minutes, asks twelve times as often: each request is billed, and
	// none is needed while KMS is away. A role that loses the key keeps its access for as long.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
	dataKeyReuse = time.Hour
)

// visibilityTimeout is a lease: a claim is settled or given up in less, and the message deleted. A longer
// one would delay the jobs whose bell went to a worker that died or froze in its long poll.
func visibilityTimeout(lease time.Duration) time.Duration { return lease.Round(time.Second) }

// removal is what becomes of queues and logs when the stack goes.
func (p Props) removal() awscdk.RemovalPolicy {
	if p.Disposable {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
}

// addQueues defines both queues: encrypted by SQS or by the user's key, reached over TLS only, and kept when the stack goes
// unless the environment is disposable.
func (pool *WorkerPool) addQueues(name *names) {
	common := awssqs.QueueProps{
		RetentionPeriod: retention(),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		EnforceSSL:      new(true),
		RemovalPolicy:   name.removal(),
	}
	if key := name.ContentType.QueueKey; key != "" {
		common.Encryption = awssqs.QueueEncryption_KMS
		common.EncryptionMasterKey = awskms.Key_FromKeyArn(pool.Construct, new("QueueKey"), &key)
		common.DataKeyReuse = seconds(dataKeyReuse)
	}
	deadLetters := awssqs.NewQueue(pool.Construct, new("DeadLetterQueue"), &common)
	jobs := common
	jobs.VisibilityTimeout = seconds(visibilityTimeout(name.ContentType.Job.Lease))
	jobs.DeadLetterQueue = &awssqs.DeadLetterQueue{Queue: deadLetters, MaxReceiveCount: new(float64(maxReceiveCount))}
	queue := awssqs.NewQueue(pool.Construct, new("Queue"), &jobs)
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
