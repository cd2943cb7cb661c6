// Package workerpool defines the pool of one content type: an SQS queue with its dead-letter queue, an
// Auto Scaling group of instances that work on it, and the alarm pair by which the group scales out and
// in.
package workerpool

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsautoscaling"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/constructs/dashboard"
	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Tags by which a pool's group and instances are known, see package contract.
const (
	TagEnvironment = contract.TagEnvironment
	TagContentType = contract.TagContentType
)

// WorkerPool is everything that one content type has of its own. Where a CDK function wants a construct,
// pass the embedded Construct: jsii does not know the Go type around it.
type WorkerPool struct {
	constructs.Construct
	Queue           awssqs.IQueue
	DeadLetterQueue awssqs.IQueue
	Role            awsiam.IRole // of the instances
	SecurityGroup   awsec2.CfnSecurityGroup
	LaunchTemplate  awsec2.CfnLaunchTemplate
	Group           awsautoscaling.CfnAutoScalingGroup
	LogGroup        awslogs.ILogGroup
	ScaleOut        awscloudwatch.CfnAlarm          // nil with target tracking
	ScaleIn         awscloudwatch.CfnAlarm          // nil with target tracking
	Tracking        awsautoscaling.CfnScalingPolicy // nil with the alarm pair
	Silent          awscloudwatch.CfnAlarm          // instances in service whose workers say nothing
	Late            awscloudwatch.CfnAlarm          // the oldest message waits longer than the target
	AtMax           awscloudwatch.CfnAlarm          // messages wait and the group may not scale out
	Zombies         awscloudwatch.CfnAlarm          // workers stopped sending heartbeats
	Sick            awscloudwatch.CfnAlarm          // instances cannot begin jobs
	Careful         awscloudwatch.CfnAlarm          // each job fails on a worker
	DeadLetters     awscloudwatch.CfnAlarm
	BootFailures    awscloudwatch.CfnAlarm

	refused awscloudwatch.CfnAlarm // stops an instance refresh
}

// New defines the pool. It panics with the construct's path and the field where the props make none.
func New(scope constructs.Construct, id string, props Props) *WorkerPool {
	pool := &WorkerPool{Construct: constructs.NewConstruct(scope, &id)}
	if wrong := props.check(); wrong != "" {
		panic(*pool.Node().Path() + ": " + wrong)
	}
	props = props.withDefaults()
	if props.Region == "" || props.Account == "" {
		stack := awscdk.Stack_Of(scope)
		props.Region, props.Account = *stack.Region(), *stack.Account()
	}
	name := names{Props: props, partition: partition()}

	pool.addQueues(&name)
	code := pool.addAssets(props)
	pool.LogGroup = awslogs.NewLogGroup(pool.Construct, new("Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_ONE_MONTH,
		RemovalPolicy: props.removal(),
	})
	name.logGroup, name.logGroupARN = *pool.LogGroup.LogGroupName(), *pool.LogGroup.LogGroupArn()
	profile := pool.addRole(name, code)
	pool.addLaunchTemplate(&name, code, profile)
	pool.addBootFailures(name)
	pool.addGroup(&name)
	pool.addWarmPool(name)
	pool.addSchedule(name)
	pool.addAlarms(name)
	dashboard.NewPool(pool.Construct, "Dashboard", dashboard.PoolProps{
		Region: props.Region, Tier: props.Tier, Environment: props.Environment, ContentType: props.ContentType.Name,
		Queue: name.queue, DeadLetterQueue: name.deadLetterQueue, Group: name.group,
		Scaling: scaling.ParamsOf(props.ContentType), MaxCapacity: props.ContentType.MaxCapacity, TargetTracking: props.ContentType.ScaleOut.TargetTracking,
		Alarms: pool.alarmARNs(),
	})
	awsssm.NewCfnParameter(pool.Construct, new("QueueURL"), &awsssm.CfnParameterProps{
		Name:        new(contract.QueueURLParameter(props.Tier, props.Environment, props.ContentType.Name)),
		Type:        new("String"),
		Value:       &name.queueURL,
		Description: new("URL of the queue to which " + props.ContentType.Name + " jobs are submitted"),
	})
	return pool
}

// names are what the parts of a pool know each other by. Asking a construct for an attribute is a
// message to the CDK's Node process, so each is asked for once.
type names struct {
	Props
	partition string

	queue, queueARN, queueURL                               string
	deadLetterQueue, deadLetterQueueARN, deadLetterQueueURL string
	group                                                   string
	logGroup, logGroupARN                                   string
	template                                                string // digest of what replaces instances
}

// arn is an ARN in the stack's account and Region.
func (n names) arn(service, resource string) string {
	return "arn:" + n.partition + ":" + service + ":" + n.Region + ":" + n.Account + ":" + resource
}

// s3 is the ARN of a bucket, or of keys in it.
func (n names) s3(path string) string { return "arn:" + n.partition + ":s3:::" + path }
