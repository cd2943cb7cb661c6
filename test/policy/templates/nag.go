package templates

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// accepted are the findings of cdk-nag's AwsSolutions pack that stay, and why. For wildcards in policies
// applies says which one it is, as a regular expression over cdk-nag's own text for it.
var accepted = []struct{ rule, applies, reason string }{
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

func suppress(stack awscdk.Stack) {
	var all []*cdknag.NagPackSuppression
	for _, a := range accepted {
		s := &cdknag.NagPackSuppression{Id: &a.rule, Reason: &a.reason}
		if a.applies != "" {
			s.AppliesTo = &[]any{&cdknag.RegexAppliesTo{Regex: &a.applies}}
		}
		all = append(all, s)
	}
	cdknag.NagSuppressions_AddStackSuppressions(stack, &all, nil)
}

// readNag reads the reports of an assembly, one for each of its templates, and marks the reasons that
// accepted a finding as used.
func (r *Report) readNag(assembly string, templates int, used map[string]bool) error {
	files, err := filepath.Glob(filepath.Join(assembly, "AwsSolutions-*-NagReport.json"))
	if err != nil || len(files) != templates {
		return fmt.Errorf("%s: %d reports of cdk-nag, want one for each of %d templates: %w", assembly, len(files), templates, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var report struct {
			Lines []struct{ RuleID, ResourceID, Compliance, ExceptionReason, RuleInfo string }
		}
		if err := json.Unmarshal(text, &report); err != nil || len(report.Lines) == 0 {
			return fmt.Errorf("%s: %d lines: %w", file, len(report.Lines), err)
		}
		for _, l := range report.Lines {
			switch l.Compliance {
			case "Compliant":
			case "Suppressed":
				r.Suppressions++
				for _, a := range accepted {
					if strings.HasSuffix(l.ExceptionReason, a.reason) { // after the finding in brackets
						used[a.reason] = true
					}
				}
			default:
				r.NagFindings = append(r.NagFindings, fmt.Sprintf("%s %s: %s: %s", l.RuleID, l.ResourceID, l.Compliance, l.RuleInfo))
			}
		}
	}
	return nil
}

// staleSuppressions takes an acceptance without a finding for a finding.
func (r *Report) staleSuppressions(used map[string]bool) {
	for _, a := range accepted {
		if !used[a.reason] {
			r.NagFindings = append(r.NagFindings, fmt.Sprintf("%s %s: accepted, but there is no such finding", a.rule, a.applies))
		}
	}
}
