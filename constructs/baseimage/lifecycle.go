package baseimage

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsimagebuilder"
)

// launchedWithin is how many days an image is kept after something was launched from it, the test of its build included:
// a group starts instances from the image that it is told to, however old it is.
const launchedWithin = 90

// addLifecycle defines that old images are deleted, with their AMIs and snapshots, if it is asked for.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-lifecycle-rules.html
func (b *BaseImage) addLifecycle(n names) {
	if n.Keep == 0 {
		return
	}
	role := awsiam.NewRole(b.Construct, new("LifecycleRole"), &awsiam.RoleProps{
		AssumedBy:      awsiam.NewServicePrincipal(new("imagebuilder.amazonaws.com"), nil),
		Description:    new("Image Builder, to delete old base images"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"delete": awsiam.PolicyDocument_FromJson(n.lifecyclePolicy())},
	})
	b.Lifecycle = awsimagebuilder.NewCfnLifecyclePolicy(b.Construct, new("Lifecycle"), &awsimagebuilder.CfnLifecyclePolicyProps{
		Name:          &n.Name,
		ExecutionRole: role.RoleArn(),
		ResourceType:  new("AMI_IMAGE"),
		// Not by their recipe: with a new definition that goes, and its images stay.
		ResourceSelection: &awsimagebuilder.CfnLifecyclePolicy_ResourceSelectionProperty{TagMap: map[string]string{TagPipeline: n.Name}},
		PolicyDetails: []any{&awsimagebuilder.CfnLifecyclePolicy_PolicyDetailProperty{
			Action: &awsimagebuilder.CfnLifecyclePolicy_ActionProperty{
				Type:             new("DELETE"),
				IncludeResources: &awsimagebuilder.CfnLifecyclePolicy_IncludeResourcesProperty{Amis: true, Snapshots: true},
			},
			Filter: &awsimagebuilder.CfnLifecyclePolicy_FilterProperty{Type: new("COUNT"), Value: new(float64(n.Keep))},
			ExclusionRules: &awsimagebuilder.CfnLifecyclePolicy_ExclusionRulesProperty{
				Amis: &awsimagebuilder.CfnLifecyclePolicy_AmiExclusionRulesProperty{
					LastLaunched: &awsimagebuilder.CfnLifecyclePolicy_LastLaunchedProperty{Unit: new("DAYS"), Value: new(float64(launchedWithin))},
				},
			},
		}},
	})
}
