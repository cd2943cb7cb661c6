package stacks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// accepted are the findings of cdk-nag's AwsSolutions pack that stay, and why. For wildcards in policies
// applies says which one it is, as a regular expression over cdk-nag's own text for it.
var accepted = []struct{ rule, applies, reason string }{
	{"AwsSolutions-IAM5", `/^Resource::\*$/g`, "cloudwatch:PutMetricData and the actions of Session Manager know no resources; the first is limited to the namespace of the workers. thumbnails: the configuration asks for it."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:autoscaling:[^*]*:autoScalingGroup:\*:autoScalingGroupName\/\*$/g`, "A group's ARN in the role of its instances is a dependency cycle; a condition limits the actions to the group with the pool's two tags."},
	{"AwsSolutions-IAM5", `/^Resource::arn:<AWS::Partition>:s3:::[^*]*\/[a-z][a-z0-9-]*\/\*$/g`, "A content type owns the keys under its own prefix, and reads those that the configuration names."},
	{"AwsSolutions-AS3", "", "Scaling is the daily work of a group, up to once a minute, and not worth a message; its activities stand in its history, dead letters and failures have alarms."},
	{"AwsSolutions-VPC7", "", "Flow logs are billed by the gigabyte that jobs move; nothing can connect to the instances."},
	{"AwsSolutions-S1", "", "Access logs need a second bucket and its upkeep; who reads and writes is limited by the roles, and CloudTrail's data events tell more where that is wanted."},
	{"CdkNagValidationFailure", "", "EC26 stumbles over a group with several instance types; that the launch template encrypts its volume is tested in constructs/workerpool."},
}

func TestNag(t *testing.T) {
	dir := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir, AnalyticsReporting: new(false)})
	all := New(app, load(t, testConfig, "prod"), standIn)
	suppress(all.Shared.Stack)
	for _, c := range all.ContentTypes {
		suppress(c.Stack)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{
		Reports: new(true), ReportFormats: &[]cdknag.NagReportFormat{cdknag.NagReportFormat_JSON},
	}), nil)
	app.Synth(nil)

	files, err := filepath.Glob(filepath.Join(dir, "AwsSolutions-*-NagReport.json"))
	if err != nil || len(files) != 1+len(all.ContentTypes) {
		t.Fatalf("reports %s, want one for each stack: %v", files, err)
	}
	var used []string
	for _, file := range files {
		used = append(used, judge(t, file)...)
	}
	for _, a := range accepted {
		given := func(reason string) bool { return strings.HasSuffix(reason, a.reason) } // after the finding in brackets
		if !slices.ContainsFunc(used, given) {
			t.Errorf("%s %s: accepted, but there is no such finding", a.rule, a.applies)
		}
	}
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

// judge reports what a stack's report holds against it and returns the reasons it was given.
func judge(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Lines []struct{ RuleID, ResourceID, Compliance, ExceptionReason, RuleInfo string }
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.Lines) == 0 {
		t.Fatalf("%s: %d lines: %v", file, len(report.Lines), err)
	}
	var reasons []string
	for _, l := range report.Lines {
		switch l.Compliance {
		case "Compliant":
		case "Suppressed":
			reasons = append(reasons, l.ExceptionReason)
		default:
			t.Errorf("%s %s: %s: %s", l.RuleID, l.ResourceID, l.Compliance, l.RuleInfo)
		}
	}
	return reasons
}
