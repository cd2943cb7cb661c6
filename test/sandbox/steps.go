package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// steps are taken in this order. Alarms rest until the group is to grow, so that none of the others waits for a
// group that shrinks meanwhile.
var steps = []step{
	{claim: "the stock CDK deploys the tier; its groups are empty, with their hooks, and the alarm pair names the group's policies", run: (*sandbox).deploy, vital: true},
	{claim: "AWS itself will empty the groups, should this program not live to do it", run: (*sandbox).setSwitch, vital: true, local: "the schedule that acts"},
	{claim: "an instance counts once its worker's check has completed the launch hook", run: (*sandbox).launch, vital: true, local: "image, Chef and Pending:Wait"},
	{claim: "a job runs to its end", run: (*sandbox).runJob},
	{claim: "the alarms' formulas mean in CloudWatch what tests say, whichever way it reads missing points", run: (*sandbox).missingPoints, onlyAWS: true, local: "no local AWS evaluates metric math"},
	{claim: "every metric that the alarm pair reads comes within minutes", run: (*sandbox).delays, onlyAWS: true, local: "only AWS sends the metrics of queues and groups"},
	{claim: "the role may query its own part of the index", run: (*sandbox).askOwn, local: "IAM, which is not enforced in this run"},
	{claim: "dynamodb:LeadingKeys keeps the role out of another type's part of the index", run: (*sandbox).askOther, onlyAWS: true, local: "only AWS can show its own rule; make policy shows ours"},
	{claim: "a change of the launch template rolls the group by instance refresh", run: (*sandbox).refresh, local: "the refresh"},
	{claim: "an update with a bad image fails and is rolled back", run: (*sandbox).rollBack, local: "a boot that fails: the image does not exist"},
	{claim: "the group grows on its backlog", run: (*sandbox).grow, local: "the alarm"},
	{claim: "an instance that the group terminates hands its job back, and the job ends elsewhere without a failure", run: (*sandbox).drain, local: "Terminating:Wait"},
	{claim: "the group shrinks on its CPU, to nothing", run: (*sandbox).shrink, local: "the alarm"},
	{claim: "tier retire closes the queue to all but its workers, waits for the last job and destroys the type", run: (*sandbox).retire, local: "the waiting, which go test ./cmd/tier shows"},
	{claim: "the stock CDK destroys the rest", run: (*sandbox).destroy},
}

// stack is the name of work's stack.
func (s *sandbox) stack() string { return contract.StackName(tierName, s.environment, contentType) }

// deploy deploys the tier and looks at it through the API.
func (s *sandbox) deploy(ctx context.Context) error {
	if s.local {
		if err := s.cdk.Bootstrap(ctx); err != nil {
			return err
		}
	}
	if err := s.cdk.Deploy(ctx, "--all"); err != nil {
		return err
	}
	var err error
	if s.deployed, err = localtier.Find(ctx, s.aws, tierName, s.environment); err != nil {
		return err
	}
	for _, contentType := range []string{contentType, otherType} {
		group, err := s.group(ctx, contentType)
		if err != nil {
			return err
		}
		hooks, err := s.groups().DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: group.AutoScalingGroupName})
		if err != nil {
			return err
		}
		if n := len(hooks.LifecycleHooks); n != 2 || aws.ToInt32(group.DesiredCapacity) != 0 {
			return fmt.Errorf("the group of %s has %d hooks, want 2, and wants %d instances, not 0", contentType, n, aws.ToInt32(group.DesiredCapacity))
		}
	}
	return s.checkAlarms(ctx)
}

// checkAlarms wants each policy of the group to be the action of one alarm.
func (s *sandbox) checkAlarms(ctx context.Context) error {
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	policies, err := s.groups().DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{AutoScalingGroupName: group.AutoScalingGroupName})
	if err != nil {
		return err
	}
	named := map[string]int{}
	pages := cloudwatch.NewDescribeAlarmsPaginator(cloudwatch.NewFromConfig(s.aws), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: new(s.stack() + "-")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, alarm := range page.MetricAlarms {
			for _, action := range alarm.AlarmActions {
				named[action]++
			}
		}
	}
	if n := len(policies.ScalingPolicies); n != 2 {
		return fmt.Errorf("the group of %s has %d scaling policies, want 2", contentType, n)
	}
	for _, p := range policies.ScalingPolicies {
		if n := named[aws.ToString(p.PolicyARN)]; n != 1 {
			return fmt.Errorf("policy %s is the action of %d alarms, want 1", aws.ToString(p.PolicyName), n)
		}
	}
	return nil
}

// setSwitch schedules the end of all instances, in AWS itself, a little after the deadline. It is set while
// the groups are empty, so that no instance is ever without it.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
func (s *sandbox) setSwitch(ctx context.Context) error {
	none := new(int32(0))
	for _, contentType := range []string{contentType, otherType} {
		group, err := s.group(ctx, contentType)
		if err != nil {
			return err
		}
		if _, err := s.groups().PutScheduledUpdateGroupAction(ctx, &autoscaling.PutScheduledUpdateGroupActionInput{
			AutoScalingGroupName: group.AutoScalingGroupName, ScheduledActionName: new("test-aws-ends"),
			StartTime: new(s.deadline.Add(5 * time.Minute)), MinSize: none, MaxSize: none, DesiredCapacity: none,
		}); err != nil {
			return err
		}
		if err := s.alarmsRest(ctx, group, true); err != nil {
			return err
		}
	}
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	set, err := s.groups().DescribeScheduledActions(ctx, &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: group.AutoScalingGroupName})
	if err != nil {
		return err
	}
	if a := set.ScheduledUpdateGroupActions; len(a) != 1 || a[0].MaxSize == nil || *a[0].MaxSize != 0 || a[0].StartTime == nil {
		return fmt.Errorf("the group of %s has %d scheduled actions, want one to a maximum of 0", contentType, len(a))
	}
	return nil
}

// alarmsRest suspends what alarms do to a group, or lets them act again.
func (s *sandbox) alarmsRest(ctx context.Context, group types.AutoScalingGroup, rest bool) error {
	processes := []string{"AlarmNotification"}
	if rest {
		_, err := s.groups().SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: group.AutoScalingGroupName, ScalingProcesses: processes})
		return err
	}
	_, err := s.groups().ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: group.AutoScalingGroupName, ScalingProcesses: processes})
	return err
}

// launch starts the first instance and waits until it counts; on AWS it must have waited in its hook before.
func (s *sandbox) launch(ctx context.Context) error {
	begin := time.Now()
	if err := s.setDesired(ctx, 1); err != nil {
		return err
	}
	waited := false
	if err := s.await(ctx, "an instance in service", 20*time.Minute, func(ctx context.Context) (bool, error) {
		states, err := s.states(ctx)
		waited = waited || states[types.LifecycleStatePendingWait] > 0
		if err != nil {
			return false, err
		}
		instances, err := s.servingInstances(ctx)
		return len(instances) == 1, err
	}); err != nil {
		return err
	}
	if !waited && !s.local {
		return errors.New("the instance was in service without having been in Pending:Wait: the launch hook did not hold it")
	}
	s.say("in service after %s", time.Since(begin).Round(time.Second))
	return nil
}

// refresh changes the launch template. With the instances of before gone, each of the group is of the new version.
func (s *sandbox) refresh(ctx context.Context) error {
	before, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	s.description.Round++
	if err := s.configure(); err != nil {
		return err
	}
	begin := time.Now()
	if err := s.cdk.Deploy(ctx, "--exclusively", s.stack()); err != nil {
		return err
	}
	after, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	version := aws.ToString(after.LaunchTemplate.Version)
	if version == aws.ToString(before.LaunchTemplate.Version) {
		return fmt.Errorf("the group still names version %s of its launch template", version)
	}
	if s.local {
		return nil
	}
	s.say("rolled in %s", time.Since(begin).Round(time.Second))
	instances, err := s.servingInstances(ctx)
	if err != nil {
		return err
	}
	for _, b := range instances {
		if b.version != version {
			return fmt.Errorf("instance %s is of version %s, the group of version %s: the refresh left it", b.id, b.version, version)
		}
	}
	if len(instances) != 1 {
		return fmt.Errorf("%d instances are in service after the refresh, want 1", len(instances))
	}
	return nil
}

// rollBack deploys what no instance can start from. The update must fail by itself and be rolled back, by a refresh
// that the boot failure of before does not stop (decision 011), and leave an instance in service.
func (s *sandbox) rollBack(ctx context.Context) error {
	const missing = "ami-00000000000000bad"
	good := s.description
	if s.local {
		s.description.Image = missing
	} else {
		s.description.Broken = true
	}
	if err := s.configure(); err != nil {
		return err
	}
	begin := time.Now()
	failed := s.cdk.Deploy(ctx, "--exclusively", s.stack())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	took := time.Since(begin).Round(time.Second)
	s.description = good
	if err := s.configure(); err != nil {
		return err
	}
	if failed == nil {
		return errors.New("the update went through")
	}
	state, err := s.stackState(ctx, s.stack())
	if err != nil {
		return err
	}
	if state != "UPDATE_ROLLBACK_COMPLETE" {
		return fmt.Errorf("the stack is %s after %s: %w", state, took, failed)
	}
	s.say("failed and rolled back in %s", took)
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	found, err := ec2.NewFromConfig(s.aws).DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: group.LaunchTemplate.LaunchTemplateId, Versions: []string{aws.ToString(group.LaunchTemplate.Version)},
	})
	if err != nil {
		return err
	}
	for _, version := range found.LaunchTemplateVersions {
		script, err := base64.StdEncoding.DecodeString(aws.ToString(version.LaunchTemplateData.UserData))
		if err != nil {
			return err
		}
		if aws.ToString(version.LaunchTemplateData.ImageId) == missing || strings.Contains(string(script), "recipe[broken]") {
			return errors.New("the group still starts instances from what is broken")
		}
	}
	return s.awaitServing(ctx, 1, 15*time.Minute)
}

// stackState is a stack's state, "" if there is no such stack.
func (s *sandbox) stackState(ctx context.Context, name string) (string, error) {
	all, err := s.allStacks(ctx)
	for _, stack := range all {
		if aws.ToString(stack.StackName) == name {
			return string(stack.StackStatus), nil
		}
	}
	return "", err
}

// destroy removes with the stock CDK what is left of the tier.
func (s *sandbox) destroy(ctx context.Context) error {
	if err := s.cdk.Destroy(ctx, "--all"); err != nil {
		return err
	}
	all, err := s.allStacks(ctx)
	for _, stack := range all {
		if stackTag(stack) == s.stackTag() {
			return fmt.Errorf("stack %s is %s", *stack.StackName, stack.StackStatus)
		}
	}
	return err
}
