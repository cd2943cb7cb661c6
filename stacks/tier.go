// Package stacks defines the CloudFormation stacks of a worker tier: one that is shared and one for each
// content type, so that a type deploys, diffs and rolls back alone.
package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/constructs/workerpool"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// Tier is what [New] has defined.
type Tier struct {
	Shared       *Shared
	BaseImage    *BaseImage     // nil: the environment has no image pipeline
	ContentTypes []*ContentType // in the order of the configuration
}

// New defines the stacks of one environment in app. The bundles are those of [BuildBundles].
//
// No stack exports a value: a pool whose export is in use cannot be removed. What the shared stack
// made, the others read from SSM parameters when they are deployed.
func New(app awscdk.App, tier *tierspec.Tier, bundles Bundles) *Tier {
	all := &Tier{Shared: NewShared(app, tier)}
	if tier.Environment.ImageBuilder != nil {
		all.BaseImage = NewBaseImage(app, tier)
		all.BaseImage.Stack.AddStackDependency(all.Shared.Stack, new("it reads its SSM parameters"))
	}
	for _, t := range tier.ContentTypes {
		stack := NewContentType(app, tier, all.Shared, t, bundles[t.Architecture].Archive)
		stack.Stack.AddStackDependency(all.Shared.Stack, new("it reads its SSM parameters"))
		all.ContentTypes = append(all.ContentTypes, stack)
	}
	return all
}

// newStack defines a stack, protected against termination unless its environment is disposable. With
// its tags CloudFormation tags all that is in it, so that a bill can be told apart by them.
func newStack(app awscdk.App, tier *tierspec.Tier, name, description string, tags map[string]string) awscdk.Stack {
	env := tier.Environment
	all := map[string]*string{workerpool.TagEnvironment: new(prefix(tier))}
	for key, value := range tags {
		all[key] = &value
	}
	return awscdk.NewStack(app, &name, &awscdk.StackProps{
		Description:           &description,
		Tags:                  &all,
		Env:                   &awscdk.Environment{Account: &env.Account, Region: &env.Region},
		TerminationProtection: new(!env.Disposable),
		// Instances may read the archives below the prefix, see [workerpool.Props.Bundle].
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{BucketPrefix: new(prefix(tier) + "/")}),
	})
}

// prefix starts the names of all stacks of a tier's environment.
func prefix(tier *tierspec.Tier) string {
	return contract.MetricEnvironment(tier.Name, tier.Environment.Name)
}
