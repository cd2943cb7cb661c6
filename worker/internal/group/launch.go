package group

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"
)

// CompleteLaunch completes the launch hook, if there is one: the group counts the instance from now on. An instance that is late,
// or was started again, has no launch to complete; this is logged and is no error.
func (m Membership) CompleteLaunch(ctx context.Context) error {
	if m.LaunchHook == "" {
		return nil
	}
	err := m.complete(ctx, m.LaunchHook)
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" {
		m.Log.WarnContext(ctx, "launch hook not completed: the instance is not launching", "hook", m.LaunchHook, "error", api.ErrorMessage())
		return nil
	}
	if err != nil {
		return fmt.Errorf("complete launch hook %s of group %s: %w", m.LaunchHook, m.Group, err)
	}
	m.Log.InfoContext(ctx, "launch hook completed: the group counts this instance", "hook", m.LaunchHook, "group", m.Group)
	return nil
}

// LeaveWarmPool completes the launch hook once await returns, which waits until the group takes the instance out of its warm
// pool. The hook fires a second time then; user-data completed the first one, and runs once in the life of an instance.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
func (m Membership) LeaveWarmPool(ctx context.Context, await func(context.Context)) {
	await(ctx)
	if ctx.Err() != nil {
		return
	}
	if err := m.CompleteLaunch(ctx); err != nil {
		m.Log.ErrorContext(ctx, "launch hook not completed: the group abandons this instance when it times out", "error", err.Error())
	}
}

// MarkUnhealthy asks the group to replace the instance at once. EC2's own checks look at the machine and not at the worker.
func (m Membership) MarkUnhealthy(ctx context.Context) error {
	_, err := m.API.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{
		InstanceId: &m.Instance, HealthStatus: aws.String("Unhealthy"), ShouldRespectGracePeriod: aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("mark instance %s of group %s unhealthy: %w", m.Instance, m.Group, err)
	}
	m.Log.ErrorContext(ctx, "instance marked unhealthy: its group replaces it", "group", m.Group)
	return nil
}
