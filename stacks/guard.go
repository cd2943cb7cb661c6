package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/tierspec"
)

// deployedNetwork is the parameter of the shared stack that says which network is deployed. The first deploy takes its default.
// Later ones keep its value, as the CDK command line does with every parameter that it is not told, until somebody sets it.
const deployedNetwork = "DeployedNetwork"

// guardNetwork has CloudFormation refuse a deploy that changes the network under running instances. It compares the network of
// the template with that of the deployed stack before it changes anything.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
func guardNetwork(stack awscdk.Stack, network tierspec.Network) {
	wanted := string(network.Mode)
	if network.Mode == tierspec.Existing {
		wanted += " " + network.VPC
	}
	deployed := awscdk.NewCfnParameter(stack, new(deployedNetwork), &awscdk.CfnParameterProps{
		Type: new("String"), Default: wanted, Description: new("The network of this stack. Set it to change a deployed network, see docs/changes.md"),
	})
	awscdk.NewCfnRule(stack, new("NetworkStays"), &awscdk.CfnRuleProps{Assertions: &[]*awscdk.CfnRuleAssertion{{
		Assert: awscdk.Fn_ConditionEquals(deployed.ValueAsString(), wanted),
		AssertDescription: new("The network would become " + wanted + ", and running instances would lose their way to AWS. Retire the content types first, or set the parameter " +
			deployedNetwork + " to this value: docs/changes.md has the steps. Nothing was changed."),
	}}})
}
