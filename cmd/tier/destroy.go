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
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/worker-tier/worker-tier/internal/operator"
)

// destroyTimeout bounds the emptying of the group, whose instances drain, and the deletion of the stack together.
const destroyTimeout = 2 * time.Hour

// destroy empties the pool's group and deletes its stack. It returns the physical names of what the stack retained.
func (s *session) destroy(ctx context.Context, d *deployment, protected bool) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, destroyTimeout, fmt.Errorf("stack %s was not destroyed within %s; the same command goes on from here", aws.ToString(d.stack.StackName), destroyTimeout))
	defer cancel()
	retained, err := s.emptyAndDelete(ctx, d, protected)
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return retained, err
}

func (s *session) emptyAndDelete(ctx context.Context, d *deployment, protected bool) ([]string, error) {
	for _, group := range d.groups {
		if err := s.empty(ctx, group); err != nil {
			return nil, err
		}
	}
	id := aws.ToString(d.stack.StackId)
	if protected {
		if err := s.unprotect(ctx, id); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	if _, err := s.events(ctx, id, seen); err != nil { // those of before
		return nil, err
	}
	if _, err := s.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &id}); err != nil {
		return nil, fmt.Errorf("destroy stack %s: %w", aws.ToString(d.stack.StackName), err)
	}
	return s.follow(ctx, id, seen)
}

// empty lets the group's instances go, which drain as they do. A group that is deleted with instances may
// terminate them without its hooks, or refuse to (prevent-force-deletion).
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/resource-deletion-protection.html
func (s *session) empty(ctx context.Context, group string) error {
	none := aws.Int32(0)
	if _, err := s.groups.UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: &group, MinSize: none, MaxSize: none, DesiredCapacity: none,
	}); err != nil {
		return fmt.Errorf("empty group %s: %w", group, err)
	}
	for said := -1; ; {
		out, err := s.groups.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
		if err != nil {
			return fmt.Errorf("look at group %s: %w", group, err)
		}
		left := 0
		for _, g := range out.AutoScalingGroups {
			left += len(g.Instances)
		}
		if left == 0 {
			return nil
		}
		if left != said {
			s.say("waiting for %s to drain", operator.Plural(left, "instance"))
			said = left
		}
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
}

// follow prints what happens to a stack until it is gone.
func (s *session) follow(ctx context.Context, id string, seen map[string]bool) ([]string, error) {
	retained, failed := []string{}, []string{}
	for {
		stack, err := s.stack(ctx, id) // before its events, so that none is missed
		if err != nil {
			return nil, err
		}
		var events []cfntypes.StackEvent
		if stack != nil {
			if events, err = s.events(ctx, id, seen); err != nil {
				return nil, err
			}
		}
		for _, e := range events {
			s.say("%s %s %s %s", e.ResourceStatus, aws.ToString(e.ResourceType), aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceStatusReason))
			switch e.ResourceStatus {
			case cfntypes.ResourceStatusDeleteSkipped:
				retained = append(retained, aws.ToString(e.PhysicalResourceId))
			case cfntypes.ResourceStatusDeleteFailed:
				failed = append(failed, aws.ToString(e.LogicalResourceId)+": "+aws.ToString(e.ResourceStatusReason))
			}
		}
		if gone(stack) {
			return retained, nil
		}
		if stack.StackStatus == cfntypes.StackStatusDeleteFailed {
			return nil, fmt.Errorf("stack %s cannot be destroyed: %s; put that right and run the same command again", aws.ToString(stack.StackName), strings.Join(failed, "; "))
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// events are the stack's events that are not in seen, the oldest first; it adds them to seen.
func (a *account) events(ctx context.Context, id string, seen map[string]bool) ([]cfntypes.StackEvent, error) {
	var fresh []cfntypes.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(a.stacks, &cloudformation.DescribeStackEventsInput{StackName: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the events of stack %s: %w", id, err)
		}
		for _, e := range page.StackEvents {
			if key := aws.ToString(e.EventId); !seen[key] {
				seen[key], fresh = true, append(fresh, e)
			}
		}
	}
	slices.Reverse(fresh) // they come the newest first
	return fresh, nil
}
