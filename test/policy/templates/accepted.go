package templates

import (
	"fmt"
	"regexp"
)

// acceptance is a finding of a tool that stays, and why.
type acceptance struct {
	check  string // the tool's identifier of its rule
	where  string // a regular expression over the place of the finding; "" is any place
	reason string
}

// acceptedByCfnLint are read with the place "TEMPLATE PATH".
var acceptedByCfnLint = []acceptance{
	{"W3010", `-shared\.template\.json `, "The zones are named in the configuration, so that a diff shows them."},
}

// acceptedByCheckov are read with the place "TEMPLATE TYPE.ID".
var acceptedByCheckov = []acceptance{
	{"CKV_AWS_18", `-shared\.template\.json AWS::S3::Bucket\.Artifacts`, "The reason of AwsSolutions-S1 below."},
	{"CKV_AWS_21", `^(worker-tier-dev|worker-tier-local|tier-lab)-shared\.template\.json `, "A disposable environment keeps no versions: it may be destroyed with all that it holds."},
	{"CKV_AWS_26", `^(worker-tier-(dev|local|prod)|tier-lab)-shared\.template\.json `, "A key is a setting, alarms.kmsKey. Without it the topic has none: alarms carry no data of jobs, and CloudWatch may not use the key that AWS manages for SNS."},
	{"CKV_AWS_27", ` AWS::SQS::Queue\.Pool(DeadLetter)?Queue`, "Without a key of the user's SQS encrypts with its own, which checkov does not read. That each queue is encrypted is a rule of this package."},
	{"CKV_AWS_111", ` AWS::IAM::Role\.(PoolRole|BaseImageRole)`, "cloudwatch:PutMetricData, the actions of Session Manager and those of the SSM agent take no resource. The first is limited to the namespace of the workers."},
	{"CKV_AWS_158", ` AWS::Logs::LogGroup\.(PoolLogs|BaseImageLogs)`, "CloudWatch Logs encrypts all log groups with keys of its own. A key of the user's would be one more without which instances do not boot."},
}

// acceptedByParliament are read with the place "TEMPLATE ID.PATH DETAIL".
var acceptedByParliament = []acceptance{
	{"RESOURCE_STAR", `-base-image\.template\.json BaseImageRole\S+ \[ssm:DescribeDocument ssm:GetDocument ssm:UpdateAssociationStatus ssm:UpdateInstanceAssociationStatus\]$`,
		"AWS does not document which documents and associations Image Builder makes for a build. Its own policy for instances, AmazonSSMManagedInstanceCore, allows all."},
}

// acceptedByNag are the findings of cdk-nag's AwsSolutions pack that stay. For wildcards in policies
// where says which one it is, as a regular expression over cdk-nag's own text for it.
var acceptedByNag = []acceptance{
	{"AwsSolutions-IAM5", `/^Resource::\*$/g`, "cloudwatch:PutMetricData and the actions of Session Manager know no resources; the first is limited to the namespace of the workers. thumbnails: the configuration asks for it. The image pipeline: nor do most actions of the SSM agent, which has them all in AWS's own policy so, ec2:DescribeImages and tag:GetResources."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:autoscaling:[^*]*:autoScalingGroup:\*:autoScalingGroupName\/\*$/g`, "A group's ARN in the role of its instances is a dependency cycle; a condition limits the actions to the group with the pool's two tags."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:s3:::[^*]*\/[a-z][a-z0-9-]*\/\*$/g`, "A content type owns the keys under its own prefix, and reads those that the configuration names."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:s3:::cdk-[^*]*\/[a-z][a-z0-9-]*\/\*\.zip$/g`, "Code of the tier's own: an instance that boots during a deploy fetches that of the release before."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:imagebuilder:[^*]*:(component|image)\/[a-z0-9-]+\/\*$/g`, "All versions of the pipeline's own component and images; a version is not known before it is built."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:logs:[^*]*:log-group:\/aws\/imagebuilder\/[a-z0-9-]+:\*$/g`, "The streams of the pipeline's own log group, named by what is built."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:s3:::ec2imagebuilder\*$/g`, "The buckets of Image Builder itself, of which AWS documents how their names begin; they are only read."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:ec2:[^*]*::(image|snapshot)\/\*$/g`, "The ids of images to come are not known; a condition limits the actions to what Image Builder made, AMIs to those of the pipeline."},
	{"AwsSolutions-AS3", "", "Scaling is the daily work of a group, up to once a minute, and not worth a message; its activities stand in its history, dead letters and failures have alarms."},
	{"AwsSolutions-VPC7", "", "Flow logs are billed by the gigabyte that jobs move; nothing can connect to the instances."},
	{"AwsSolutions-S1", "", "Access logs need a second bucket and its upkeep; who reads and writes is limited by the roles, and CloudTrail's data events tell more where that is wanted."},
	{"CdkNagValidationFailure", "", "EC26 stumbles over a group with several instance types; that every launch template encrypts its volumes is a rule of this package."},
}

// finding is one of a tool, with its place as the tool's acceptances read it.
type finding struct{ check, where, text string }

func (f finding) String() string { return f.check + " " + f.where + ": " + f.text }

// judge returns the findings that are not accepted, and how many are. An acceptance without a finding is a finding.
func judge(tool string, found []finding, accepted []acceptance) (left []string, kept int) {
	used := make([]bool, len(accepted))
	for _, f := range found {
		matched := false
		for i, a := range accepted {
			if a.check == f.check && regexp.MustCompile(a.where).MatchString(f.where) {
				used[i], matched = true, true
			}
		}
		if matched {
			kept++
		} else {
			left = append(left, tool+": "+f.String())
		}
	}
	for i, a := range accepted {
		if !used[i] {
			left = append(left, fmt.Sprintf("%s: %s %s: accepted, but there is no such finding", tool, a.check, a.where))
		}
	}
	return left, kept
}
