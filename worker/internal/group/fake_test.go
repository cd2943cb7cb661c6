package group

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

var quiet = slog.New(slog.DiscardHandler)

// fake is Auto Scaling: it records each call with the time of it, and answers with what fails returns.
type fake struct {
	elapsed     func() time.Duration      // since the start; nil: always 0
	fails       func(time.Duration) error // by the time since the start; nil: never
	called      []string
	terminating bool // the target lifecycle state of the instance
}

var _ AutoScaling = (*fake)(nil)

func (f *fake) call(format string, args ...any) error {
	var at time.Duration
	if f.elapsed != nil {
		at = f.elapsed()
	}
	f.called = append(f.called, fmt.Sprintf("%s: ", at)+fmt.Sprintf(format, args...))
	if f.fails == nil {
		return nil
	}
	return f.fails(at)
}

func (f *fake) CompleteLifecycleAction(_ context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	return nil, f.call("complete %s of %s for %s: %s", *in.LifecycleHookName, *in.AutoScalingGroupName, *in.InstanceId, *in.LifecycleActionResult)
}

func (f *fake) RecordLifecycleActionHeartbeat(_ context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput, _ ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return nil, f.call("heartbeat %s of %s for %s", *in.LifecycleHookName, *in.AutoScalingGroupName, *in.InstanceId)
}

func (f *fake) SetInstanceHealth(_ context.Context, in *autoscaling.SetInstanceHealthInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error) {
	return nil, f.call("health of %s: %s, respect grace period %t", *in.InstanceId, *in.HealthStatus, *in.ShouldRespectGracePeriod)
}

func (f *fake) SetInstanceProtection(_ context.Context, in *autoscaling.SetInstanceProtectionInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error) {
	return nil, f.call("protect %v of %s: %t", in.InstanceIds, *in.AutoScalingGroupName, *in.ProtectedFromScaleIn)
}

func (f *fake) TerminateInstanceInAutoScalingGroup(_ context.Context, in *autoscaling.TerminateInstanceInAutoScalingGroupInput, _ ...func(*autoscaling.Options)) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error) {
	f.terminating = true
	return nil, f.call("terminate %s, decrement %t", *in.InstanceId, *in.ShouldDecrementDesiredCapacity)
}
