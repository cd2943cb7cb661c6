// Package group tells the Auto Scaling group of an instance what becomes of that instance: the group may count it, must keep
// it while a job runs or a drain is under way, may terminate it, or has to replace it.
package group

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// heartbeatInterval keeps a termination hook from running out while the worker drains. The shortest heartbeat timeout of a hook is 30 s.
const heartbeatInterval = 20 * time.Second

// AutoScaling are the calls to Auto Scaling that a worker makes, each about its own instance.
type AutoScaling interface {
	CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error)
	RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error)
	SetInstanceHealth(context.Context, *autoscaling.SetInstanceHealthInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error)
	SetInstanceProtection(context.Context, *autoscaling.SetInstanceProtectionInput, ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error)
	TerminateInstanceInAutoScalingGroup(context.Context, *autoscaling.TerminateInstanceInAutoScalingGroupInput, ...func(*autoscaling.Options)) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error)
}

var _ AutoScaling = (*autoscaling.Client)(nil)

// Membership is the place of this instance in its Auto Scaling group.
type Membership struct {
	API             AutoScaling
	Group           string // name of the group
	Instance        string // "i-…"
	LaunchHook      string // name of the group's launch hook; "": it has none
	TerminationHook string // name of the group's termination hook; "": it has none
	Log             *slog.Logger
}

// New is the membership of an instance in a group by their names, without hooks.
func New(cfg aws.Config, group, instance string, log *slog.Logger) Membership {
	return Membership{API: autoscaling.NewFromConfig(cfg), Group: group, Instance: instance, Log: log}
}

// Hold keeps the group from terminating the instance: from when leaving is closed until release is called or ctx ends, it
// heartbeats the termination hook. After release no heartbeat is under way; it may be called again.
func (m Membership) Hold(ctx context.Context, leaving <-chan struct{}) (release func()) {
	holding, end := context.WithCancel(ctx)
	var held sync.WaitGroup
	held.Go(func() {
		select {
		case <-leaving:
			m.heartbeat(holding)
		case <-holding.Done():
		}
	})
	return func() { end(); held.Wait() }
}

// heartbeat heartbeats the termination hook at once and then regularly until ctx ends.
func (m Membership) heartbeat(ctx context.Context) {
	if m.TerminationHook == "" {
		return
	}
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_, err := m.API.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
			AutoScalingGroupName: &m.Group, LifecycleHookName: &m.TerminationHook, InstanceId: &m.Instance,
		})
		if err != nil && ctx.Err() == nil {
			m.Log.WarnContext(ctx, "termination hook not heartbeaten", "hook", m.TerminationHook, "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// completeTermination lets the group go on with terminating the instance.
func (m Membership) completeTermination(ctx context.Context) error {
	if m.TerminationHook == "" {
		return nil
	}
	if err := m.complete(ctx, m.TerminationHook); err != nil {
		return fmt.Errorf("complete termination hook %s of group %s: %w", m.TerminationHook, m.Group, err)
	}
	return nil
}

// complete lets the group go on with what it does to the instance.
func (m Membership) complete(ctx context.Context, hook string) error {
	_, err := m.API.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &m.Group, LifecycleHookName: &hook, InstanceId: &m.Instance, LifecycleActionResult: aws.String("CONTINUE"),
	})
	return err
}

// replace asks the group to terminate the instance and to launch another in its place: its desired capacity stays.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
func (m Membership) replace(ctx context.Context) error {
	_, err := m.API.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{
		InstanceId: &m.Instance, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	if err != nil {
		return fmt.Errorf("ask group %s to replace instance %s: %w", m.Group, m.Instance, err)
	}
	return nil
}
