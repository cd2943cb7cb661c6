package workerpool

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/policy/actions"
	"github.com/worker-tier/worker-tier/test/synthtest"
)

func TestInstancesMayDoWhatTheWorkerDoesAndNoMore(t *testing.T) {
	var granted []string
	for _, g := range (names{Props: mail(t)}).grants(assets{}) {
		if g.caller == "worker" {
			granted = append(granted, g.actions...)
		}
	}
	slices.Sort(granted)
	called, err := actions.Called("../..")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(called)), slices.Compact(granted)); diff != "" {
		t.Errorf("actions (-the worker calls +the role grants):\n%s", diff)
	}
}

// statements are those of the instance role, by Sid; the config's own have none.
func statements(t *testing.T, template synthtest.Template) map[string]object {
	t.Helper()
	found := map[string]object{}
	all, _ := template.One(t, "AWS::IAM::Role").At("Policies", 0, "PolicyDocument", "Statement").([]any)
	for _, s := range all {
		statement, _ := s.(object)
		sid, _ := statement["Sid"].(string)
		found[sid] = statement
	}
	return found
}

func TestRoleReachesItsOwnOnly(t *testing.T) {
	got := statements(t, synth(t, mail(t)))
	arn := func(rest string) any {
		return object{"Fn::Join": []any{"", []any{"arn:", object{"Ref": "AWS::Partition"}, rest}}}
	}
	equal(t, "jobs", got["Jobs"]["Condition"], any(object{
		"ForAllValues:StringLike": object{"dynamodb:LeadingKeys": []any{"mail#*", "control#mail"}},
		"Null":                    object{"dynamodb:LeadingKeys": "false"},
	}))
	equal(t, "table", got["Jobs"]["Resource"], arn(":dynamodb:us-east-1:111122223333:table/jobs"))
	equal(t, "due jobs", got["DueJobs"]["Condition"], any(object{
		"ForAllValues:StringLike": object{"dynamodb:LeadingKeys": []any{"mail#*"}},
		"Null":                    object{"dynamodb:LeadingKeys": "false"},
	}))
	equal(t, "index", got["DueJobs"]["Resource"], arn(":dynamodb:us-east-1:111122223333:table/jobs/index/due"))
	equal(t, "artifacts", got["Artifacts"]["Resource"], arn(":s3:::artifacts/mail/*"))
	equal(t, "artifacts of others", [2]any{got["ReadArtifacts"]["Resource"], got["ReadArtifacts"]["Action"]}, [2]any{arn(":s3:::artifacts/backup/*"), "s3:GetObject"})
	equal(t, "listing", got["ListArtifacts"]["Condition"], any(object{"StringLike": object{"s3:prefix": []any{"mail/*", "backup/*"}}}))
	equal(t, "metrics", got["Metrics"]["Condition"], any(object{"StringEquals": object{"cloudwatch:namespace": "WorkerTier/tier-prod"}}))
	equal(t, "secrets", got["Secrets"]["Resource"], arn(":secretsmanager:us-east-1:111122223333:secret:imap-service-??????"))
	equal(t, "the config's own statement", got[""]["Action"], any("polly:SynthesizeSpeech"))
}

// The condition of the group's statement must name tags that the group has, with their values.
func TestRoleKnowsItsGroupByTags(t *testing.T) {
	template := synth(t, mail(t))
	tags := object{}
	group, _ := template.One(t, "AWS::AutoScaling::AutoScalingGroup").At("Tags").([]any)
	for _, entry := range group {
		tag, _ := entry.(object)
		if tag["PropagateAtLaunch"] != true {
			t.Errorf("tag %v does not reach the instances", tag["Key"])
		}
		tags[tag["Key"].(string)] = tag["Value"]
	}
	for _, sid := range []string{"LeaveGroup", "Protection"} {
		condition, _ := statements(t, template)[sid]["Condition"].(object)
		wanted, _ := condition["StringEquals"].(object)
		if len(wanted) != 2 {
			t.Fatalf("%s: condition %v, want the environment and the content type", sid, condition)
		}
		for key, value := range wanted {
			equal(t, key, tags[strings.TrimPrefix(key, "aws:ResourceTag/")], value)
		}
	}
}

func TestOnlyProtectedTypesMayProtect(t *testing.T) {
	props := mail(t)
	props.ContentType.ProtectBusy = false
	if s, granted := statements(t, synth(t, props))["Protection"]; granted {
		t.Errorf("granted without protectBusy: %v", s)
	}
}

func TestNoActionIsAWildcard(t *testing.T) {
	for sid, s := range statements(t, synth(t, mail(t))) {
		actions, several := s["Action"].([]any)
		if !several {
			actions = []any{s["Action"]}
		}
		for _, a := range actions {
			if action, _ := a.(string); strings.Contains(action, "*") || action == "dynamodb:Scan" {
				t.Errorf("statement %q allows %s", sid, action)
			}
		}
	}
}

func TestProducersMaySend(t *testing.T) {
	found := false
	for _, p := range synth(t, mail(t)).Of("AWS::SQS::QueuePolicy") {
		all, _ := p.At("PolicyDocument", "Statement").([]any)
		for _, entry := range all {
			if s, _ := entry.(object); s["Sid"] == "Producers" {
				found = true
				equal(t, "producers", s["Principal"], any(object{"AWS": "arn:aws:iam::111122223333:role/frontend"}))
			}
		}
	}
	if !found {
		t.Error("no queue policy lets producers send")
	}
}

// KMS may give SQS the ending of the partition or not: no page of AWS in China has it.
func TestQueueKeyServesThroughSQSOfThePartition(t *testing.T) {
	for region, want := range map[string]any{
		"eu-west-1": "sqs.eu-west-1.amazonaws.com", "us-gov-west-1": "sqs.us-gov-west-1.amazonaws.com",
		"cn-north-1": []string{"sqs.cn-north-1.amazonaws.com", "sqs.cn-north-1.amazonaws.com.cn"},
	} {
		got := names{Props: Props{Region: region}}.throughSQS()
		if diff := cmp.Diff(map[string]any{"StringEquals": map[string]any{"kms:ViaService": want}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", region, diff)
		}
	}
}
