package workerpool

import (
	"sync"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// tagPlace is the tag of a group whose value is [Props.Place]. Instances do not get it.
const tagPlace = "worker-tier:place"

// What is the same for all pools is asked of the CDK once: each question is a message to its Node
// process and back.
var (
	partition = sync.OnceValue(func() string { return *awscdk.Aws_PARTITION() })
	retention = sync.OnceValue(func() awscdk.Duration { return seconds(contract.QueueRetention) })
)

var durations sync.Map // time.Duration → awscdk.Duration

// seconds is d as the CDK has it.
func seconds(d time.Duration) awscdk.Duration {
	if known, ok := durations.Load(d); ok {
		return known.(awscdk.Duration)
	}
	made := awscdk.Duration_Seconds(new(d.Seconds()))
	durations.Store(d, made)
	return made
}
