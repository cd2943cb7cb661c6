package localaws

import (
	"context"
	_ "embed"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

//go:embed testdata/group.json
var groupTemplate string

// deploy creates a stack and returns its outputs.
func deploy(t *testing.T, cfg aws.Config, name, template string) map[string]string {
	t.Helper()
	return CreateStack(t, cfg, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template})
}

func TestGroupKeepsWhatItsTemplateSays(t *testing.T) {
	cfg := StartT(t).ConfigT(t)
	outputs := deploy(t, cfg, "group", groupTemplate)
	groups := autoscaling.NewFromConfig(cfg)
	described := Call(t, groups.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{outputs["Group"]}})
	group := described.AutoScalingGroups[0]
	if diff := cmp.Diff([]string{"us-east-1a", "us-east-1b"}, group.AvailabilityZones); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
	if group.MixedInstancesPolicy == nil {
		t.Fatal("no mixed instances policy")
	}
	template := group.MixedInstancesPolicy.LaunchTemplate
	if got := *template.LaunchTemplateSpecification.Version; got != "1" || len(template.Overrides) != 2 {
		t.Errorf("launch template version %s and %d instance types, want 1 and 2", got, len(template.Overrides))
	}
	hooks := Call(t, groups.DescribeLifecycleHooks, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: group.AutoScalingGroupName})
	if len(hooks.LifecycleHooks) != 1 || *hooks.LifecycleHooks[0].HeartbeatTimeout != 300 {
		t.Fatalf("hooks %v, want the one of the template", hooks.LifecycleHooks)
	}
	complete := func(hook string) error {
		_, err := groups.CompleteLifecycleAction(t.Context(), &autoscaling.CompleteLifecycleActionInput{
			AutoScalingGroupName: group.AutoScalingGroupName, LifecycleHookName: &hook,
			InstanceId: aws.String("i-0123456789abcdef0"), LifecycleActionResult: aws.String("CONTINUE"),
		})
		return err
	}
	if err := complete("terminate"); err != nil {
		t.Error(err)
	}
	if err := complete("launch"); err == nil || !strings.Contains(err.Error(), "No lifecycle hook launch") {
		t.Errorf("completing a hook that is not there: %v", err)
	}
}

func TestAlarmOnMetricMathIsStored(t *testing.T) {
	cfg := StartT(t).ConfigT(t)
	outputs := deploy(t, cfg, "alarm", groupTemplate)
	described := Call(t, cloudwatch.NewFromConfig(cfg).DescribeAlarms, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{outputs["Alarm"]}})
	alarm := described.MetricAlarms[0]
	if len(alarm.Metrics) != 2 || *alarm.Metrics[0].Expression != "CEIL(visible / 2)" || *alarm.Metrics[1].MetricStat.Period != 60 || *alarm.Metrics[1].ReturnData {
		t.Errorf("metrics %+v are not those of the template", alarm.Metrics)
	}
	if alarm.MetricName != nil || alarm.Period != nil {
		t.Errorf("metric %v and period %v beside the metric math", alarm.MetricName, alarm.Period)
	}
}

func TestAlarmOnBadMetricMathIsRefused(t *testing.T) {
	cfg := StartT(t).ConfigT(t)
	client := cloudformation.NewFromConfig(cfg)
	for name, old := range map[string]string{"two-results": `"ReturnData": false, `, "bad-id": `"Id": "missing"`} {
		template := strings.Replace(groupTemplate, old, map[string]string{"two-results": "", "bad-id": `"Id": "Missing"`}[name], 1)
		Call(t, client.CreateStack, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template})
		err := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
			o.MinDelay = 50 * time.Millisecond
		}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute)
		if err == nil {
			t.Errorf("%s: the stack was created", name)
		}
	}
}

// TestCutLongPollTakesNoMessage cuts a long poll and then sends: who polls next must get the message.
func TestCutLongPollTakesNoMessage(t *testing.T) {
	cfg := StartT(t).ConfigT(t)
	client := sqs.NewFromConfig(cfg)
	queue := Call(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("polls")})
	polling, cut := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := client.ReceiveMessage(polling, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 20})
		ended <- err
	}()
	time.Sleep(300 * time.Millisecond) // nothing tells that a poll has begun; a cut before it proves nothing, but harms nothing
	cut()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("the poll ended with %v", err)
	}
	Call(t, client.SendMessage, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("bell")})
	time.Sleep(300 * time.Millisecond) // a poll that goes on looks every 100 ms: give it the chance to take the message
	got := Call(t, client.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if len(got.Messages) != 1 {
		t.Errorf("%d messages, want the one that was sent: the poll that was cut took it", len(got.Messages))
	}
}
