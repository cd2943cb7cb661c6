package workerpool

import (
	"sync"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
)

// What is the same for all pools is asked of the CDK once: each question is a message to its Node
// process and back.
var (
	partition  = sync.OnceValue(func() string { return *awscdk.Aws_PARTITION() })
	retention  = sync.OnceValue(func() awscdk.Duration { return awscdk.Duration_Days(new(float64(retentionDays))) })
	visibility = sync.OnceValue(func() awscdk.Duration { return awscdk.Duration_Minutes(new(float64(visibilityMinutes))) })
	ec2        = sync.OnceValue(func() awsiam.IPrincipal { return awsiam.NewServicePrincipal(new("ec2.amazonaws.com"), nil) })
)
