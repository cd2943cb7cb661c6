// Package boot tells an instance's group what became of it: a worker that it may count, or one that
// will not work again and must be replaced.
package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/worker/internal/imds"
)

// AutoScaling is what this package needs of the Auto Scaling API.
type AutoScaling interface {
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	SetInstanceHealth(context.Context, *autoscaling.SetInstanceHealthInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error)
}

// Group is the Auto Scaling group of this instance.
type Group struct {
	API      AutoScaling
	Instance imds.Instance
	Log      *slog.Logger
}

// InService completes the launch hook: the group counts the instance from now on. An instance that is
// not launching has no such action, because it is late or was started again; that is logged and no error.
func (g Group) InService(ctx context.Context, hook string) error {
	_, err := g.API.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &g.Instance.Group, LifecycleHookName: &hook, InstanceId: &g.Instance.ID,
		LifecycleActionResult: aws.String("CONTINUE"),
	})
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ValidationError" {
		g.Log.WarnContext(ctx, "launch hook not completed: the instance is not launching", "hook", hook, "error", api.ErrorMessage())
		return nil
	}
	if err != nil {
		return fmt.Errorf("complete launch hook %s of group %s: %w", hook, g.Instance.Group, err)
	}
	g.Log.InfoContext(ctx, "launch hook completed: the group counts this instance", "hook", hook, "group", g.Instance.Group)
	return nil
}

// Unhealthy asks the group to replace the instance, at once: EC2's own checks look at the machine and
// not at the worker.
func (g Group) Unhealthy(ctx context.Context) error {
	_, err := g.API.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{
		InstanceId: &g.Instance.ID, HealthStatus: aws.String("Unhealthy"), ShouldRespectGracePeriod: aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("mark instance %s of group %s unhealthy: %w", g.Instance.ID, g.Instance.Group, err)
	}
	g.Log.ErrorContext(ctx, "instance marked unhealthy: its group replaces it", "group", g.Instance.Group)
	return nil
}
