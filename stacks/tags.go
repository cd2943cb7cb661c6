package stacks

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
)

// stackType is the CDK's name of a stack among the types of things that have tags.
const stackType = "aws:cdk:stack"

// splitTags parts tags into those whose keys are taken and the others.
func splitTags(tags map[string]string, taken func(key string) bool) (yes, no map[string]string) {
	yes, no = map[string]string{}, map[string]string{}
	for key, value := range tags {
		if taken(key) {
			yes[key] = value
		} else {
			no[key] = value
		}
	}
	return yes, no
}

// tagResources puts tags on each resource of a stack that can have some, but for the types in except. The stack itself does
// not get them, because CloudFormation would hand them on to every type and to the instances of groups.
func tagResources(stack awscdk.Stack, tags map[string]string, except ...string) {
	excluded := []*string{new(stackType)}
	for _, t := range except {
		excluded = append(excluded, &t)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		awscdk.Tags_Of(stack).Add(&key, new(tags[key]), &awscdk.TagProps{ApplyToLaunchedInstances: new(false), ExcludeResourceTypes: &excluded})
	}
}

// imageBuilderTypes are the types that take no tag key of which [onImages] is false.
var imageBuilderTypes = []string{
	"AWS::ImageBuilder::Component", "AWS::ImageBuilder::ImageRecipe", "AWS::ImageBuilder::InfrastructureConfiguration",
	"AWS::ImageBuilder::DistributionConfiguration", "AWS::ImageBuilder::ImagePipeline", "AWS::ImageBuilder::LifecyclePolicy",
}

// onImages reports whether Image Builder takes a tag key, for its own resources and for images.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_TagResource.html
func onImages(key string) bool { return !strings.ContainsAny(key, " @") }
