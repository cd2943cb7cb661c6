// Command ownpool is a queue-driven pool of workers in a CDK program of one's own, without the tier around it:
// whoever sends to its queue has jobs done.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/constructs/jobtable"
	"github.com/worker-tier/worker-tier/constructs/network"
	"github.com/worker-tier/worker-tier/constructs/workerpool"
	"github.com/worker-tier/worker-tier/tierspec"
)

func main() {
	code, err := bundle.Build(context.Background(), bundle.Props{Dir: ".", Worker: tierspec.Worker{Package: "./worker"}, Architecture: bundle.ARM64})
	if err != nil {
		log.Fatal(err)
	}
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, new("reports"), &awscdk.StackProps{
		// Instances may read the archives below it, and so boot during a deploy, too.
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{BucketPrefix: new("reports/")}),
	})
	vpc := network.New(stack, "Network", network.Props{
		Network:           tierspec.Network{Mode: tierspec.Public},
		AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
	})
	artifacts := awss3.NewBucket(stack, new("Artifacts"), nil)
	pool := workerpool.New(stack, "Pool", workerpool.Props{
		Tier: "reports", Environment: "prod",
		ContentType:     tierspec.NewContentType("reports", "backup"),
		Chef:            tierspec.Chef{Distribution: "cinc", Version: "18"}, // baked into the image
		Bundle:          code.Archive,
		Image:           "ami-0123456789abcdef0",
		VPC:             vpc.VPC,
		Subnets:         vpc.Subnets,
		Table:           *jobtable.New(stack, "Jobs", jobtable.Props{}).Table.TableName(),
		ArtifactsBucket: *artifacts.BucketName(),
	})
	awscdk.NewCfnOutput(stack, new("QueueURL"), &awscdk.CfnOutputProps{Value: pool.Queue.QueueUrl()})
	app.Synth(nil)
}
