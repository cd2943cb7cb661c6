package localec2

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// stack is a pool of fixtures that CloudFormation deploys.
type stack struct {
	*Launcher
	name   string
	api    *cloudformation.Client
	bundle contract.Object
}

func newStack(t *testing.T) stack {
	t.Helper()
	server := localaws.StartT(t)
	cfg := server.ConfigT(t)
	s := stack{name: "refresh" + newID(), api: cloudformation.NewFromConfig(cfg)}
	s.bundle = upload(t, s3.NewFromConfig(cfg), s.name)
	s.Launcher = runLauncher(t, server, cfg, func(ctx context.Context) error {
		_, err := s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.name})
		return err
	})
	return s
}

// template is the stack with instances that complete their launch with a result; "": fail their check. Round makes another launch template.
func (s stack) template(t *testing.T, launch, round string) string {
	t.Helper()
	group := s.name + "-group"
	document, err := json.Marshal(contract.FirstBoot{Schema: contract.BootSchema, WorkerTier: contract.Attributes{Environment: map[string]string{
		fixtureVariable: "1", "GROUP": group, "LAUNCH": launch, "ROUND": round, contract.EnvLaunchHook: "launch", "AWS_REGION": localaws.Region, contract.EnvContentType: "mail",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	script := strings.Join([]string{
		"#!/bin/bash", contract.BundleVariable + "='s3://" + s.bundle.Bucket + "/" + s.bundle.Key + "'",
		"cat <<'" + contract.FirstBootMarker + "'", string(document), contract.FirstBootMarker,
		"  aws cloudwatch put-metric-data --namespace 'refresh' --metric-name BootFailures --value 1 --dimensions 'Stack=" + s.name + "'", "",
	}, "\n")
	type object = map[string]any
	hook := func(name, transition, result string) object {
		return object{"LifecycleHookName": name, "LifecycleTransition": transition, "HeartbeatTimeout": 300, "DefaultResult": result}
	}
	text, err := json.Marshal(object{"Resources": object{
		"Template": object{"Type": "AWS::EC2::LaunchTemplate", "Properties": object{"LaunchTemplateData": object{
			"UserData": base64.StdEncoding.EncodeToString([]byte(script)),
		}}},
		"Alarm": object{"Type": "AWS::CloudWatch::Alarm", "Properties": object{
			"Namespace": "refresh", "MetricName": "BootFailures", "Dimensions": []object{{"Name": "Stack", "Value": s.name}}, "Statistic": "Sum", "Period": 60,
			"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
		}},
		"Group": object{
			"Type": "AWS::AutoScaling::AutoScalingGroup",
			"Properties": object{
				"AutoScalingGroupName": group, "MinSize": "2", "MaxSize": "4", "AvailabilityZones": []string{"us-east-1a", "us-east-1b"},
				"LaunchTemplate":                 object{"LaunchTemplateId": object{"Ref": "Template"}, "Version": object{"Fn::GetAtt": []string{"Template", "LatestVersionNumber"}}},
				"LifecycleHookSpecificationList": []object{hook("launch", launching, "ABANDON"), hook("terminate", terminating, "CONTINUE")},
			},
			"UpdatePolicy": object{"AutoScalingInstanceRefresh": object{"Strategy": "Rolling", "Preferences": object{
				"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "AlarmSpecification": object{"Alarms": []object{{"Ref": "Alarm"}}},
			}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// state waits for the end of what the stack is doing, and calls each meanwhile.
func (s stack) state(t *testing.T, each func()) string {
	t.Helper()
	state := ""
	eventually(t, "the end of the stack's operation", func() bool {
		each()
		found := localaws.Call(t, s.api.DescribeStacks, &cloudformation.DescribeStacksInput{StackName: &s.name})
		state = string(found.Stacks[0].StackStatus)
		return !strings.HasSuffix(state, "_IN_PROGRESS")
	})
	return state
}

func (s stack) serving() (out []*Instance) {
	for _, i := range s.Instances() {
		if i.Group == s.name+"-group" && s.InService(i) {
			out = append(out, i)
		}
	}
	return out
}

// An update of a stack replaces all instances, and never is one less in service. One whose instances fail their boot ends at the first of
// them and leaves those of before.
func TestUpdateOfAStackRefreshesItsInstances(t *testing.T) {
	s := newStack(t)
	localaws.Call(t, s.api.CreateStack, &cloudformation.CreateStackInput{StackName: &s.name, TemplateBody: new(s.template(t, "CONTINUE", "1"))})
	if state := s.state(t, func() {}); state != "CREATE_COMPLETE" {
		t.Fatal(state)
	}
	eventually(t, "two instances in service", func() bool { return len(s.serving()) == 2 })
	first := s.serving()

	localaws.Call(t, s.api.UpdateStack, &cloudformation.UpdateStackInput{StackName: &s.name, TemplateBody: new(s.template(t, "CONTINUE", "2"))})
	least := 2
	if state := s.state(t, func() { least = min(least, len(s.serving())) }); state != "UPDATE_COMPLETE" || least < 2 {
		t.Errorf("the stack is %s; at one time %d instances were in service, want never less than 2", state, least)
	}
	for _, i := range first {
		<-i.Machine.Done()
		if calls := i.hookCalls("CompleteLifecycleAction", "terminate"); len(calls) != 1 {
			t.Errorf("instance %s completed its termination %d times, want once: it did not drain", i.ID, len(calls))
		}
	}
	second := s.serving()
	for _, i := range second {
		if round := i.Document.WorkerTier.Environment["ROUND"]; round != "2" {
			t.Errorf("instance %s is of round %s", i.ID, round)
		}
	}
	if len(second) != 2 {
		t.Errorf("%d instances in service, want 2", len(second))
	}

	localaws.Call(t, s.api.UpdateStack, &cloudformation.UpdateStackInput{StackName: &s.name, TemplateBody: new(s.template(t, "", "3"))})
	// The alarm still rings when the update is rolled back, and a refresh does not start then.
	if state := s.state(t, func() {}); state != "UPDATE_ROLLBACK_FAILED" {
		t.Errorf("the stack is %s, want UPDATE_ROLLBACK_FAILED", state)
	}
	for _, i := range second {
		if !s.InService(i) {
			t.Errorf("instance %s of before is no longer in service", i.ID)
		}
	}
}
