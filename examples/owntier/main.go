// Command owntier is the tier in a CDK program of one's own, beside a stack of one's own. Run it instead of
// ./stacks/app in cdk.json.
package main

import (
	"context"
	"log"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
)

func main() {
	tier, _, err := config.Load("worker-tier.yaml", "dev")
	if err != nil {
		log.Fatal(err)
	}
	bundles, err := stacks.BuildBundles(context.Background(), tier)
	if err != nil {
		log.Fatal(err)
	}
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	for _, contentType := range stacks.New(app, tier, bundles).ContentTypes {
		awscloudwatch.NewCfnCompositeAlarm(contentType.Stack, new("Anything"), &awscloudwatch.CfnCompositeAlarmProps{
			AlarmRule: new("ALARM(" + *contentType.Pool.DeadLetters.Ref() + ")"),
		})
	}
	app.Synth(nil)
}
