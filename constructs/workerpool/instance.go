package workerpool

import (
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// assets are the code that instances fetch when they start.
type assets struct {
	bundle    contract.Object
	files     *contract.Object // the content type's own program, if it has one
	cookbooks *contract.Object // the content type's own cookbooks, if it has any
}

// arns are what the role may read. A role changes before its instances are replaced, and an instance that boots meanwhile
// fetches the code of the release before. So the role reads all code below the prefix that the stack's synthesizer has for
// assets. Without a prefix the bucket is not the tier's alone, and the role reads the objects of this release only.
func (a assets) arns(n names) []string {
	if i := strings.LastIndexByte(a.bundle.Key, '/'); i >= 0 {
		return []string{n.s3(a.bundle.Bucket + "/" + a.bundle.Key[:i+1] + "*.zip")}
	}
	var arns []string
	for _, object := range []*contract.Object{&a.bundle, a.files, a.cookbooks} {
		if object != nil {
			arns = append(arns, n.s3(object.Bucket+"/"+object.Key))
		}
	}
	return arns
}

func (pool *WorkerPool) addAssets(props Props) assets {
	code := assets{bundle: pool.addAsset("Bundle", props.Bundle)}
	if props.Files != nil {
		code.files = new(pool.addAsset("Files", *props.Files))
	}
	if props.Cookbooks != nil && props.Chef.Server == nil {
		code.cookbooks = new(pool.addAsset("Cookbooks", *props.Cookbooks))
	}
	return code
}

func (pool *WorkerPool) addAsset(id string, archive bundle.Archive) contract.Object {
	asset := awss3assets.NewAsset(pool.Construct, &id, &awss3assets.AssetProps{Path: &archive.Path})
	return contract.Object{Bucket: *asset.S3BucketName(), Key: *asset.S3ObjectKey(), SHA256: archive.SHA256}
}

// addRole defines the instances' role and returns the name of its instance profile.
func (pool *WorkerPool) addRole(name names, code assets) string {
	pool.Role = awsiam.NewRole(pool.Construct, new("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.ServicePrincipal_FromStaticServicePrincipleName(new(tierspec.PartitionOf(name.Region).EC2())),
		Description: new("Instances that work on " + name.ContentType.Name + " jobs"),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"worker": awsiam.PolicyDocument_FromJson(document(name.grants(code))),
		},
	})
	profile := awsiam.NewCfnInstanceProfile(pool.Construct, new("Profile"), &awsiam.CfnInstanceProfileProps{
		Roles: &[]any{pool.Role},
	})
	return *profile.Ref()
}

// addLaunchTemplate defines what an instance is: IMDSv2 only and not for containers (hop limit 1), an
// encrypted root volume, no way in but for members of the security groups that the content type names. Its tags are in its
// metadata because the worker learns the name of its group there.
func (pool *WorkerPool) addLaunchTemplate(name *names, code assets, profile string) {
	t := name.ContentType
	pool.SecurityGroup = awsec2.NewCfnSecurityGroup(pool.Construct, new("SecurityGroup"), &awsec2.CfnSecurityGroupProps{
		GroupDescription:     new("Instances that work on " + t.Name + " jobs"), // a change replaces the group: nothing of its rules
		VpcId:                name.VPC,
		SecurityGroupIngress: inbound(t.Inbound),
		SecurityGroupEgress: &[]*awsec2.CfnSecurityGroup_EgressProperty{{
			IpProtocol: new("-1"), CidrIp: new("0.0.0.0/0"), Description: new("AWS services, sources and sinks"),
		}},
	})
	props := &awsec2.CfnLaunchTemplateProps{
		LaunchTemplateData: &awsec2.CfnLaunchTemplate_LaunchTemplateDataProperty{
			ImageId:            &name.Image,
			InstanceType:       &t.InstanceTypes[0],
			IamInstanceProfile: &awsec2.CfnLaunchTemplate_IamInstanceProfileProperty{Name: &profile},
			SecurityGroupIds:   &[]*string{pool.SecurityGroup.AttrGroupId()},
			Monitoring:         &awsec2.CfnLaunchTemplate_MonitoringProperty{Enabled: true},
			MetadataOptions: &awsec2.CfnLaunchTemplate_MetadataOptionsProperty{
				HttpTokens:              new("required"),
				HttpPutResponseHopLimit: new(1.0),
				InstanceMetadataTags:    new("enabled"),
			},
			BlockDeviceMappings: []*awsec2.CfnLaunchTemplate_BlockDeviceMappingProperty{{
				DeviceName: &name.RootDevice,
				Ebs: &awsec2.CfnLaunchTemplate_EbsProperty{
					VolumeSize: new(float64(t.RootVolumeGiB)), VolumeType: new("gp3"), Encrypted: true, DeleteOnTermination: true,
				},
			}},
			TagSpecifications: []*awsec2.CfnLaunchTemplate_TagSpecificationProperty{{
				ResourceType: new("volume"), Tags: name.volumeTags(),
			}},
			UserData: pool.userData(name, code),
		},
	}
	if name.NetworkMode != "" {
		props.VersionDescription = new("network " + name.NetworkMode) // a new version replaces instances
	}
	pool.LaunchTemplate = awsec2.NewCfnLaunchTemplate(pool.Construct, new("LaunchTemplate"), props)
}

// inbound are the rules of a security group, nil without any.
func inbound(from []tierspec.Inbound) any {
	if len(from) == 0 {
		return nil
	}
	rules := make([]*awsec2.CfnSecurityGroup_IngressProperty, len(from))
	for i, r := range from {
		rules[i] = &awsec2.CfnSecurityGroup_IngressProperty{
			IpProtocol: new("tcp"), FromPort: new(float64(r.Port)), ToPort: new(float64(r.Port)), SourceSecurityGroupId: &r.SecurityGroup,
			Description: new("Members of a group that the configuration lets in"),
		}
	}
	return &rules
}

// userData is the script that turns an instance into a worker of this pool, as a launch template takes it. Its lines are
// joined when the stack is deployed, so that cdk diff shows the lines that differ. Fn_Join would make one text of them.
func (pool *WorkerPool) userData(name *names, code assets) *string {
	its := userdata.Pool{
		Tier: name.Tier, Environment: name.Environment, Region: name.Region, ContentType: name.ContentType, Chef: name.Chef,
		Names: userdata.Names{
			QueueURL: name.queueURL, DeadLetterQueueURL: name.deadLetterQueueURL, Table: name.Table, ArtifactsBucket: name.ArtifactsBucket,
			LogGroup: name.logGroup, Bundle: code.bundle, Files: code.files, Cookbooks: code.cookbooks,
		},
	}
	name.template = its.Digest(name.Image, name.RootDevice, name.NetworkMode)
	its.LaunchTemplate = name.template
	if size := its.Longest(); size > userdata.Limit {
		panic(fmt.Sprintf("%s: ContentType: its user-data may have %d bytes, EC2 takes %d: shorten Command and Variables, or move them into Files",
			*pool.Node().Path(), size, userdata.Limit))
	}
	lines := strings.Split(userdata.Render(its.Props()), "\n")
	joined := awscdk.NewIntrinsic(map[string]any{"Fn::Base64": map[string]any{"Fn::Join": []any{"\n", lines}}}, nil)
	return awscdk.Token_AsString(joined, nil)
}
