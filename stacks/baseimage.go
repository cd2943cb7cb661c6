package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/constructs/baseimage"
	"github.com/worker-tier/worker-tier/constructs/workerpool"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// BaseImage is the stack of the pipeline that builds base images.
type BaseImage struct {
	Stack    awscdk.Stack
	Pipeline *baseimage.BaseImage
}

// NewBaseImage defines the stack of the image pipeline, which Environment.ImageBuilder asks for. Builds run in the network of
// the shared stack. No other stack depends on this one: which image instances start from is the configuration's to say.
func NewBaseImage(app awscdk.App, tier *tierspec.Tier) *BaseImage {
	env := tier.Environment
	name := contract.StackName(tier.Name, env.Name, tierspec.BaseImageStack)
	tags, apart := splitTags(env.Tags, onImages)
	stack := newStack(app, tier, name, "The pipeline that builds base images for "+prefix(tier), tags)
	tagResources(stack, apart, imageBuilderTypes...)
	path := parametersOf(tier)
	subnets := readList(stack, path.subnets) // one token for all of them
	tags[workerpool.TagEnvironment] = prefix(tier)
	pipeline := baseimage.New(stack, "BaseImage", baseimage.Props{
		Name:         name,
		Definition:   image.Define(env.ImageBuilder.Architecture, tier.Chef),
		ImageBuilder: *env.ImageBuilder,
		VPC:          read(stack, path.vpc),
		Subnet:       *awscdk.Fn_Select(new(0.0), &[]*string{&subnets[0]}),
		Tags:         tags,
	})
	return &BaseImage{Stack: stack, Pipeline: pipeline}
}
