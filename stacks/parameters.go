package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// parameters are the paths of the SSM parameters by which a content type's stack finds what the shared
// stack made.
type parameters struct {
	table, artifacts, alarmTopic, vpc, subnets string
}

func parametersOf(tier *tierspec.Tier) parameters {
	base := "/" + tier.Name + "/" + tier.Environment.Name + "/shared/"
	return parameters{
		table:      contract.TableParameter(tier.Name, tier.Environment.Name),
		artifacts:  contract.ArtifactsBucketParameter(tier.Name, tier.Environment.Name),
		alarmTopic: base + "alarm-topic",
		vpc:        base + "vpc",
		subnets:    base + "subnets",
	}
}

// publish defines a parameter of the shared stack.
func publish(scope constructs.Construct, id, kind, path, value, description string) {
	awsssm.NewCfnParameter(scope, &id, &awsssm.CfnParameterProps{
		Name: &path, Type: &kind, Value: &value, Description: &description,
	})
}

// read is a token for the value that a parameter has when the stack is deployed.
func read(scope constructs.Construct, path string) string {
	return *awsssm.StringParameter_ValueForStringParameter(scope, &path, nil)
}

// readList is a token for the list that a parameter holds.
func readList(scope constructs.Construct, path string) []string {
	var values []string
	for _, v := range *awsssm.StringListParameter_ValueForTypedListParameter(scope, &path, awsssm.ParameterValueType_STRING, nil) {
		values = append(values, *v)
	}
	return values
}
