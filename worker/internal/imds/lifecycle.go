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

// AutoScaling is what a termination hook needs of the Auto Scaling API.
type AutoScaling interface {
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
}

// Hook is the termination hook of this instance's group.
type Hook struct {
	API      AutoScaling
	Name     string
	Instance Instance
}

// Hold heartbeats the hook until ctx ends: the instance is not taken away meanwhile.
func (h Hook) Hold(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, err := h.API.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
			AutoScalingGroupName: &h.Instance.Group, LifecycleHookName: &h.Name, InstanceId: &h.Instance.ID,
		})
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "termination hook not heartbeaten", "hook", h.Name, "error", err.Error())
		}
	}
}

// Complete lets the group go on with terminating the instance.
func (h Hook) Complete(ctx context.Context) error {
	_, err := h.API.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &h.Instance.Group, LifecycleHookName: &h.Name, InstanceId: &h.Instance.ID,
		LifecycleActionResult: aws.String("CONTINUE"),
	})
	if err != nil {
		return fmt.Errorf("complete termination hook %s of group %s: %w", h.Name, h.Instance.Group, err)
	}
	return nil
}
