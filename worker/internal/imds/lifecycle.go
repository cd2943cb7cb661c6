package imds

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// heartbeatInterval keeps a termination hook from running out while the worker drains; the shortest
// heartbeat timeout a hook can have is 30 s.
const heartbeatInterval = 20 * time.Second

// AutoScaling is what leaving a group needs of the Auto Scaling API.
type AutoScaling interface {
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	TerminateInstanceInAutoScalingGroup(context.Context, *autoscaling.TerminateInstanceInAutoScalingGroupInput, ...func(*autoscaling.Options)) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error)
}

// Membership is this instance's place in its Auto Scaling group.
type Membership struct {
	API      AutoScaling
	Hook     string // name of the group's termination hook; "": it has none
	Instance Instance
}

// Hold heartbeats the termination hook, at once and then until ctx ends: the instance is not taken away
// meanwhile.
func (m Membership) Hold(ctx context.Context, log *slog.Logger) {
	if m.Hook == "" {
		return
	}
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_, err := m.API.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
			AutoScalingGroupName: &m.Instance.Group, LifecycleHookName: &m.Hook, InstanceId: &m.Instance.ID,
		})
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "termination hook not heartbeaten", "hook", m.Hook, "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// Complete lets the group go on with terminating the instance.
func (m Membership) Complete(ctx context.Context) error {
	if m.Hook == "" {
		return nil
	}
	_, err := m.API.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &m.Instance.Group, LifecycleHookName: &m.Hook, InstanceId: &m.Instance.ID,
		LifecycleActionResult: aws.String("CONTINUE"),
	})
	if err != nil {
		return fmt.Errorf("complete termination hook %s of group %s: %w", m.Hook, m.Instance.Group, err)
	}
	return nil
}

// Replace asks the group to terminate the instance and to start another in its place: its desired
// capacity stays.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
func (m Membership) Replace(ctx context.Context) error {
	_, err := m.API.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
		InstanceId: &m.Instance.ID, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("ask group %s to replace instance %s: %w", m.Instance.Group, m.Instance.ID, err)
	}
	return nil
}
