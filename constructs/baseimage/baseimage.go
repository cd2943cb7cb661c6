// Package baseimage defines the pipeline of EC2 Image Builder that builds base images for worker pools: what they hold, the
// instances that build and test them, and what becomes of old ones. It builds nothing by itself, unless it has a schedule;
// and no instance starts from an image before somebody names it.
package baseimage

import (
	"fmt"
	"maps"
	"regexp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsimagebuilder"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Props configure a [BaseImage]. VPC and Subnet may be CDK tokens.
type Props struct {
	// Name is that of the pipeline, its recipe, component, log group and, with the date of their build, of images: Image
	// Builder knows what it keeps by name, so that it is unique in an account and Region. Lower case letters, digits, - and _.
	Name string
	// Definition is what images are made of, see [image.Define].
	Definition image.Definition
	// ImageBuilder says for which architecture images are, when they are built by themselves and how many are kept.
	tierspec.ImageBuilder
	VPC    string // vpc-…
	Subnet string // subnet-… with a way to the internet or, for all that is downloaded, to AWS, Image Builder's own endpoint included
	// Tags are those of images and of the instances that build them.
	Tags map[string]string
}

// Tags of the images that a pipeline builds, beside those of its props.
const (
	TagPipeline = "worker-tier:image-pipeline" // value: the pipeline's name
	TagVersion  = "worker-tier:image-version"  // of the AMI alone; value: the version of the recipe
)

// BaseImage is a pipeline and what it consists of.
type BaseImage struct {
	constructs.Construct
	Component      awsimagebuilder.CfnComponent
	Recipe         awsimagebuilder.CfnImageRecipe
	Infrastructure awsimagebuilder.CfnInfrastructureConfiguration
	Distribution   awsimagebuilder.CfnDistributionConfiguration
	Pipeline       awsimagebuilder.CfnImagePipeline
	Lifecycle      awsimagebuilder.CfnLifecyclePolicy // nil: all images are kept
	Role           awsiam.IRole                       // of the instances that build and test
	SecurityGroup  awsec2.CfnSecurityGroup            // of the same
	LogGroup       awslogs.ILogGroup                  // of builds
}

// instanceTypes are those that build and test: small ones that most zones have; Image Builder takes one that there is.
var instanceTypes = map[tierspec.Architecture][]*string{
	tierspec.ARM64: {new("m7g.large"), new("m6g.large")},
	tierspec.X8664: {new("m7i.large"), new("m6i.large")},
}

// schedules are when the pipeline looks for something new, in UTC.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/cron-expressions.html
var schedules = map[string]string{"": "", "weekly": "cron(0 3 ? * mon *)", "monthly": "cron(0 3 1 * ? *)"}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,126}[a-z0-9]$`)

// New defines the pipeline. It panics with the construct's path and the field where the props make none.
func New(scope constructs.Construct, id string, props Props) *BaseImage {
	this := &BaseImage{Construct: constructs.NewConstruct(scope, &id)}
	if wrong := props.check(); wrong != "" {
		panic(*this.Node().Path() + ": " + wrong)
	}
	stack := awscdk.Stack_Of(scope)
	tags := map[string]string{TagPipeline: props.Name}
	maps.Copy(tags, props.Tags)
	props.Tags = tags
	n := names{Props: props, partition: *awscdk.Aws_PARTITION(), region: *stack.Region(), account: *stack.Account()}
	// Image Builder writes without a role of its own only below this path.
	// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_PipelineLoggingConfiguration.html
	n.logGroup = "/aws/imagebuilder/" + props.Name
	// A retained group of a fixed name would keep the stack from being made again.
	this.LogGroup = awslogs.NewLogGroup(this.Construct, new("Logs"), &awslogs.LogGroupProps{
		LogGroupName: &n.logGroup, Retention: awslogs.RetentionDays_THREE_MONTHS, RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	this.addRecipe(n)
	this.addInfrastructure(n)
	this.addDistribution(n)
	this.addPipeline(n)
	this.addLifecycle(n)
	return this
}

// check reports the first prop that makes no pipeline, "" if there is none.
func (p Props) check() string {
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{!validName.MatchString(p.Name), fmt.Sprintf("Name is %q, want 3 to 128 lower case letters, digits, - and _", p.Name)},
		{p.Definition.Document == "" || p.Definition.Version == "", "Definition is empty"},
		{instanceTypes[p.Architecture] == nil, fmt.Sprintf("Architecture is %q, want arm64 or x86_64", p.Architecture)},
		{p.Schedule != "" && schedules[p.Schedule] == "", fmt.Sprintf("Schedule is %q, want weekly, monthly or none", p.Schedule)},
		{p.Keep < 0, "Keep is less than 0"},
		{p.VPC == "", "VPC is empty"},
		{p.Subnet == "", "Subnet is empty"},
	} {
		if c.wrong {
			return c.text
		}
	}
	return ""
}

// names are what the parts of a pipeline know each other by.
type names struct {
	Props
	partition, region, account string
	logGroup                   string
}

// arn is an ARN in the stack's account and Region.
func (n names) arn(service, resource string) string {
	return "arn:" + n.partition + ":" + service + ":" + n.region + ":" + n.account + ":" + resource
}

// addRecipe defines what images are made of. Both resources are replaced when their content changes, by others of another
// version: all that does not depend on it may not change with it, or Image Builder would be asked for a version that it has.
func (b *BaseImage) addRecipe(n names) {
	d := n.Definition
	b.Component = awsimagebuilder.NewCfnComponent(b.Construct, new("Component"), &awsimagebuilder.CfnComponentProps{
		Name: &n.Name, Platform: new("Linux"), Version: &d.Component, Data: &d.Document,
	})
	b.Recipe = awsimagebuilder.NewCfnImageRecipe(b.Construct, new("Recipe"), &awsimagebuilder.CfnImageRecipeProps{
		Name: &n.Name, Version: &d.Version,
		ParentImage: new("arn:" + n.partition + ":imagebuilder:" + n.region + ":aws:image/" + d.Recipe.Parent + "/x.x.x"),
		Components:  []any{&awsimagebuilder.CfnImageRecipe_ComponentConfigurationProperty{ComponentArn: b.Component.Ref()}},
		BlockDeviceMappings: []any{&awsimagebuilder.CfnImageRecipe_InstanceBlockDeviceMappingProperty{
			DeviceName: &d.Recipe.RootDevice,
			Ebs: &awsimagebuilder.CfnImageRecipe_EbsInstanceBlockDeviceSpecificationProperty{
				VolumeSize: new(float64(d.Recipe.VolumeGiB)), VolumeType: new("gp3"), Encrypted: true, DeleteOnTermination: true,
			},
		}},
		AdditionalInstanceConfiguration: &awsimagebuilder.CfnImageRecipe_AdditionalInstanceConfigurationProperty{
			SystemsManagerAgent: &awsimagebuilder.CfnImageRecipe_SystemsManagerAgentProperty{UninstallAfterBuild: false},
		},
	})
}

// addInfrastructure defines the instances that build and test: in the tier's network without any way in, IMDSv2 only and not
// for containers (hop limit 1), without a key for SSH, ended even when they fail.
func (b *BaseImage) addInfrastructure(n names) {
	b.Role = awsiam.NewRole(b.Construct, new("Role"), &awsiam.RoleProps{
		AssumedBy:      awsiam.ServicePrincipal_FromStaticServicePrincipleName(new(tierspec.PartitionOf(n.region).EC2())),
		Description:    new("Instances that build and test base images"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"build": awsiam.PolicyDocument_FromJson(n.buildPolicy())},
	})
	profile := awsiam.NewCfnInstanceProfile(b.Construct, new("Profile"), &awsiam.CfnInstanceProfileProps{Roles: &[]any{b.Role}})
	b.SecurityGroup = awsec2.NewCfnSecurityGroup(b.Construct, new("SecurityGroup"), &awsec2.CfnSecurityGroupProps{
		GroupDescription: new("Instances that build and test base images"),
		VpcId:            n.VPC,
		SecurityGroupEgress: &[]*awsec2.CfnSecurityGroup_EgressProperty{{
			IpProtocol: new("-1"), CidrIp: new("0.0.0.0/0"), Description: new("AWS services, packages"),
		}},
	})
	types := instanceTypes[n.Architecture]
	b.Infrastructure = awsimagebuilder.NewCfnInfrastructureConfiguration(b.Construct, new("Infrastructure"), &awsimagebuilder.CfnInfrastructureConfigurationProps{
		Name:                       &n.Name,
		InstanceProfileName:        profile.Ref(),
		InstanceTypes:              &types,
		SecurityGroupIds:           &[]*string{b.SecurityGroup.AttrGroupId()},
		SubnetId:                   &n.Subnet,
		TerminateInstanceOnFailure: true,
		InstanceMetadataOptions: &awsimagebuilder.CfnInfrastructureConfiguration_InstanceMetadataOptionsProperty{
			HttpTokens: new("required"), HttpPutResponseHopLimit: new(1.0),
		},
		ResourceTags: n.Tags,
	})
}

// addDistribution defines the AMI: in this account and Region and for nobody else.
func (b *BaseImage) addDistribution(n names) {
	tags := maps.Clone(n.Tags)
	tags[TagVersion] = n.Definition.Version
	b.Distribution = awsimagebuilder.NewCfnDistributionConfiguration(b.Construct, new("Distribution"), &awsimagebuilder.CfnDistributionConfigurationProps{
		Name: &n.Name,
		Distributions: []any{&awsimagebuilder.CfnDistributionConfiguration_DistributionProperty{
			Region: &n.region,
			// Not in the CDK's type for it, whose keys come out as CloudFormation does not know them.
			AmiDistributionConfiguration: map[string]any{"Name": n.Name + "-{{ imagebuilder:buildDate }}", "AmiTags": tags},
		}},
	})
}

// addPipeline defines the pipeline. An image whose tests fail is not made available. With a schedule it builds where there is
// a newer parent image.
func (b *BaseImage) addPipeline(n names) {
	props := &awsimagebuilder.CfnImagePipelineProps{
		Name:                           &n.Name,
		ImageRecipeArn:                 b.Recipe.Ref(),
		InfrastructureConfigurationArn: b.Infrastructure.Ref(),
		DistributionConfigurationArn:   b.Distribution.Ref(),
		ImageTags:                      n.Tags,
		ImageTestsConfiguration:        &awsimagebuilder.CfnImagePipeline_ImageTestsConfigurationProperty{ImageTestsEnabled: true},
		LoggingConfiguration: &awsimagebuilder.CfnImagePipeline_PipelineLoggingConfigurationProperty{
			ImageLogGroupName: b.LogGroup.LogGroupName(), PipelineLogGroupName: b.LogGroup.LogGroupName(),
		},
	}
	if n.Schedule != "" {
		props.Schedule = &awsimagebuilder.CfnImagePipeline_ScheduleProperty{
			ScheduleExpression:              new(schedules[n.Schedule]),
			PipelineExecutionStartCondition: new("EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"),
		}
	}
	b.Pipeline = awsimagebuilder.NewCfnImagePipeline(b.Construct, new("Pipeline"), props)
}
