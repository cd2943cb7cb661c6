package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// cleanOthers removes what earlier runs left in the account that the caller named.
func (s *sandbox) cleanOthers(ctx context.Context) error {
	if err := s.checkCaller(ctx); err != nil {
		return err
	}
	s.say("account %s, Region %s: removing everything tagged %s=%s-*", s.account, s.aws.Region, contract.TagEnvironment, tierName)
	if err := s.cleanUp(ctx, tierName+"-*"); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.out, "test-aws: nothing is left")
	return nil
}

// cleanUp removes what has a tag, with "*" at its end for all that begin so, until nothing is left or the time is
// over. One look does what can be done at that moment, so that whatever state things are in, and
// whatever AWS refuses for a while, the next goes on from there.
func (s *sandbox) cleanUp(ctx context.Context, tag string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	poll, said := 15*time.Second, ""
	if s.local {
		poll = 200 * time.Millisecond
	}
	seen := map[string]bool{} // ids of stacks: what they retained outlives them
	for {
		left, err := s.removeOnce(ctx, tag, seen)
		if err == nil && len(left) == 0 {
			return nil
		}
		now := strings.Join(left, ", ")
		if err != nil {
			now = err.Error()
		}
		if now != said && ctx.Err() == nil {
			s.say("%s", now)
			said = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the clean-up is not done, and this is still billed in account %s, Region %s: %s; make test-aws-clean goes on with it", s.account, s.aws.Region, said)
		case <-time.After(poll):
		}
	}
}

// removeOnce empties the groups, deletes the stacks whose turn it is and returns what is still there.
func (s *sandbox) removeOnce(ctx context.Context, tag string, seen map[string]bool) ([]string, error) {
	stopped := s.stopGroups(ctx, tag) // first, and in any case: instances are what costs
	left, deleted := s.deleteStacks(ctx, tag, seen)
	instances, err := s.instances(ctx, tag)
	for _, id := range instances {
		left = append(left, "instance "+id)
	}
	volumes, found := s.volumes(ctx, tag)
	for _, id := range volumes {
		left = append(left, "volume "+id)
	}
	return left, errors.Join(stopped, deleted, err, found)
}

// stopGroups sees to it that the groups launch nothing more, and lets their instances go.
func (s *sandbox) stopGroups(ctx context.Context, tag string) error {
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(s.groups(), &autoscaling.DescribeAutoScalingGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the groups: %w", err)
		}
		for _, g := range page.AutoScalingGroups {
			if !slices.ContainsFunc(g.Tags, func(t astypes.TagDescription) bool {
				return aws.ToString(t.Key) == contract.TagEnvironment && matches(tag, aws.ToString(t.Value))
			}) || aws.ToInt32(g.MaxSize) == 0 {
				continue
			}
			if _, err := s.groups().SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{
				AutoScalingGroupName: g.AutoScalingGroupName, ScalingProcesses: []string{"Launch", "AlarmNotification", "ReplaceUnhealthy", "AZRebalance"},
			}); err != nil {
				return fmt.Errorf("suspend group %s: %w", *g.AutoScalingGroupName, err)
			}
			if _, err := s.groups().UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{
				AutoScalingGroupName: g.AutoScalingGroupName, MinSize: new(int32(0)), MaxSize: new(int32(0)), DesiredCapacity: new(int32(0)),
			}); err != nil {
				return fmt.Errorf("empty group %s: %w", *g.AutoScalingGroupName, err)
			}
		}
	}
	return nil
}

// deleteStacks deletes the content types' stacks, and once they are gone the shared ones. It returns what is left
// of them, resources that outlived their stack included.
func (s *sandbox) deleteStacks(ctx context.Context, tag string, seen map[string]bool) ([]string, error) {
	all, err := s.allStacks(ctx)
	if err != nil {
		return nil, err
	}
	mine := slices.DeleteFunc(all, func(stack cfntypes.Stack) bool { return !matches(tag, stackTag(stack)) })
	shared := func(stack cfntypes.Stack) bool { return strings.HasSuffix(*stack.StackName, "-shared") }
	onlyShared := !slices.ContainsFunc(mine, func(stack cfntypes.Stack) bool { return !shared(stack) })
	var left []string
	var errs []error
	for _, stack := range mine {
		seen[*stack.StackId] = true
		left = append(left, fmt.Sprintf("stack %s (%s)", *stack.StackName, stack.StackStatus))
		if !shared(stack) || onlyShared {
			errs = append(errs, s.deleteStack(ctx, stack))
		}
	}
	for id := range seen {
		if !slices.ContainsFunc(mine, func(stack cfntypes.Stack) bool { return *stack.StackId == id }) {
			retained, err := s.retained(ctx, id)
			left, errs = append(left, retained...), append(errs, err)
		}
	}
	return left, errors.Join(errs...)
}

// deleteStack does what brings a stack nearer to its end, in the state it is in.
func (s *sandbox) deleteStack(ctx context.Context, stack cfntypes.Stack) error {
	api := cloudformation.NewFromConfig(s.aws)
	var err error
	switch state := stack.StackStatus; {
	case state == cfntypes.StackStatusUpdateInProgress: // which is not deleted before its roll back is over
		_, err = api.CancelUpdateStack(ctx, &cloudformation.CancelUpdateStackInput{StackName: stack.StackId})
	case strings.HasSuffix(string(state), "_IN_PROGRESS") && state != cfntypes.StackStatusCreateInProgress && state != cfntypes.StackStatusReviewInProgress:
	default:
		if err := s.emptyBuckets(ctx, *stack.StackId); err != nil {
			return err
		}
		_, err = api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: stack.StackId})
	}
	if err != nil {
		return fmt.Errorf("delete stack %s: %w", *stack.StackName, err)
	}
	return nil
}

// resources lists what a stack has, or had.
func (s *sandbox) resources(ctx context.Context, stack string) ([]cfntypes.StackResourceSummary, error) {
	var all []cfntypes.StackResourceSummary
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(s.aws), &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the resources of stack %s: %w", stack, err)
		}
		all = append(all, page.StackResourceSummaries...)
	}
	return all, nil
}

// retained are the resources that a stack left behind when it was deleted. Its events are known for 90 days after.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
func (s *sandbox) retained(ctx context.Context, stack string) ([]string, error) {
	var left []string
	pages := cloudformation.NewDescribeStackEventsPaginator(cloudformation.NewFromConfig(s.aws), &cloudformation.DescribeStackEventsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the events of stack %s: %w", stack, err)
		}
		for _, e := range page.StackEvents {
			if e.ResourceStatus == cfntypes.ResourceStatusDeleteSkipped {
				left = append(left, fmt.Sprintf("%s %s, which its stack retained", aws.ToString(e.ResourceType), aws.ToString(e.PhysicalResourceId)))
			}
		}
	}
	return left, nil
}

// emptyBuckets removes the objects in a stack's buckets: CloudFormation deletes empty ones only.
func (s *sandbox) emptyBuckets(ctx context.Context, stack string) error {
	all, err := s.resources(ctx, stack)
	if err != nil {
		return err
	}
	store := s3.NewFromConfig(s.aws)
	for _, r := range all {
		if aws.ToString(r.ResourceType) != "AWS::S3::Bucket" || aws.ToString(r.PhysicalResourceId) == "" || r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete {
			continue
		}
		pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{Bucket: r.PhysicalResourceId})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("list bucket %s: %w", *r.PhysicalResourceId, err)
			}
			for _, object := range page.Contents {
				if _, err := store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: r.PhysicalResourceId, Key: object.Key}); err != nil {
					return fmt.Errorf("empty bucket %s: %w", *r.PhysicalResourceId, err)
				}
			}
		}
	}
	return nil
}

// instances are the instances with a tag that are not gone.
func (s *sandbox) instances(ctx context.Context, tag string) ([]string, error) {
	var ids []string
	pages := ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(s.aws), &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{
		{Name: new("tag:" + contract.TagEnvironment), Values: []string{tag}},
		{Name: new("instance-state-name"), Values: []string{"pending", "running", "shutting-down", "stopping", "stopped"}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the instances: %w", err)
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				ids = append(ids, *i.InstanceId)
			}
		}
	}
	return ids, nil
}

// volumes are the volumes with a tag.
func (s *sandbox) volumes(ctx context.Context, tag string) ([]string, error) {
	var ids []string
	pages := ec2.NewDescribeVolumesPaginator(ec2.NewFromConfig(s.aws), &ec2.DescribeVolumesInput{
		Filters: []ec2types.Filter{{Name: new("tag:" + contract.TagEnvironment), Values: []string{tag}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the volumes: %w", err)
		}
		for _, v := range page.Volumes {
			ids = append(ids, *v.VolumeId)
		}
	}
	return ids, nil
}

// matches compares a value with a tag that may end in "*", as the filters of EC2 do.
func matches(tag, value string) bool {
	if prefix, all := strings.CutSuffix(tag, "*"); all {
		return strings.HasPrefix(value, prefix)
	}
	return tag == value
}
