package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// servingInstance is an instance that counts as its group's capacity.
type servingInstance struct {
	id      string
	version string // of the launch template, on AWS
	round   string // of the configuration it was started from, on a local AWS
}

// stackTag is the tag of the run's stacks and instances.
func (s *sandbox) stackTag() string { return contract.MetricEnvironment(tierName, s.environment) }

// await waits until something holds. AWS is asked seldom, what stands for it often.
func (s *sandbox) await(ctx context.Context, what string, onAWS time.Duration, holds func(context.Context) (bool, error)) error {
	if s.local {
		return localtier.Await(ctx, what, 15*time.Minute, holds)
	}
	return localtier.AwaitEvery(ctx, 10*time.Second, what, onAWS, holds)
}

// group is the group of a content type.
func (s *sandbox) group(ctx context.Context, contentType string) (types.AutoScalingGroup, error) {
	stack := contract.StackName(tierName, s.environment, contentType)
	found, err := cloudformation.NewFromConfig(s.aws).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		return types.AutoScalingGroup{}, err
	}
	for _, r := range found.StackResources {
		if aws.ToString(r.ResourceType) != "AWS::AutoScaling::AutoScalingGroup" {
			continue
		}
		out, err := s.groups().DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{*r.PhysicalResourceId}})
		if err != nil {
			return types.AutoScalingGroup{}, err
		}
		if len(out.AutoScalingGroups) == 1 {
			return out.AutoScalingGroups[0], nil
		}
	}
	return types.AutoScalingGroup{}, fmt.Errorf("stack %s has no Auto Scaling group", stack)
}

func (s *sandbox) groups() *autoscaling.Client { return autoscaling.NewFromConfig(s.aws) }

// servingInstances are the instances of work's group that count as its capacity.
func (s *sandbox) servingInstances(ctx context.Context) ([]servingInstance, error) {
	group, err := s.group(ctx, contentType)
	if err != nil {
		return nil, err
	}
	if s.local {
		return s.alone.serving(*group.AutoScalingGroupName), nil
	}
	var serving []servingInstance
	for _, i := range group.Instances {
		if i.LifecycleState == types.LifecycleStateInService && i.LaunchTemplate != nil {
			serving = append(serving, servingInstance{id: *i.InstanceId, version: aws.ToString(i.LaunchTemplate.Version)})
		}
	}
	return serving, nil
}

// states are the lifecycle states of the instances in work's group, as AWS tells them.
func (s *sandbox) states(ctx context.Context) (map[types.LifecycleState]int, error) {
	group, err := s.group(ctx, contentType)
	count := map[types.LifecycleState]int{}
	for _, i := range group.Instances {
		count[i.LifecycleState]++
	}
	return count, err
}

// awaitServing waits until n instances count as capacity.
func (s *sandbox) awaitServing(ctx context.Context, n int, onAWS time.Duration) error {
	return s.await(ctx, fmt.Sprintf("%d instances of %s in service", n, contentType), onAWS, func(ctx context.Context) (bool, error) {
		instances, err := s.servingInstances(ctx)
		return len(instances) == n, err
	})
}

func (s *sandbox) setDesired(ctx context.Context, n int32) error {
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	_, err = s.groups().SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: group.AutoScalingGroupName, DesiredCapacity: &n})
	return err
}

// awaitAlarm waits until an alarm has moved the group's desired capacity to n. On a local AWS, where alarms do not
// act, that is done in its place.
func (s *sandbox) awaitAlarm(ctx context.Context, n int32, onAWS time.Duration) error {
	if s.local {
		return s.setDesired(ctx, n)
	}
	group, err := s.group(ctx, contentType)
	if err != nil {
		return err
	}
	begin, before := time.Now(), aws.ToInt32(group.DesiredCapacity)
	if err := s.await(ctx, fmt.Sprintf("a desired capacity of %d instead of %d", n, before), onAWS, func(ctx context.Context) (bool, error) {
		group, err = s.group(ctx, contentType)
		return aws.ToInt32(group.DesiredCapacity) == n, err
	}); err != nil {
		return err
	}
	s.say("from %d to %d instances in %s", before, n, time.Since(begin).Round(time.Second))
	out, err := s.groups().DescribeScalingActivities(ctx, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: group.AutoScalingGroupName})
	if err != nil {
		return err
	}
	for _, a := range out.Activities {
		if strings.Contains(aws.ToString(a.Cause), "alarm") && aws.ToTime(a.StartTime).After(begin.Add(-time.Minute)) {
			return nil
		}
	}
	return fmt.Errorf("the desired capacity is %d, but none of the last %d activities names an alarm as its cause", n, len(out.Activities))
}

// showConsoles prints what the bootstrap said on the console of each of the run's instances.
func (s *sandbox) showConsoles(ctx context.Context) {
	if s.local || ctx.Err() != nil { // the clean-up comes first
		return
	}
	ids, err := s.instances(ctx, s.stackTag())
	if err != nil {
		s.say("consoles not read: %v", err)
		return
	}
	for _, id := range ids {
		out, err := ec2.NewFromConfig(s.aws).GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: new(true)})
		if err != nil {
			s.say("%s: %v", id, err)
			continue
		}
		text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
		if err != nil {
			s.say("%s: %v", id, err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "worker-tier: ") || strings.Contains(line, "FAILED: ") {
				s.say("%s: %s", id, strings.TrimSpace(line))
			}
		}
	}
}
