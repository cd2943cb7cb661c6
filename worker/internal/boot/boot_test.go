package boot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/worker/internal/imds"
)

// fake records what the group is told and answers with err.
type fake struct {
	completed *autoscaling.CompleteLifecycleActionInput
	health    *autoscaling.SetInstanceHealthInput
	err       error
}

func (f *fake) CompleteLifecycleAction(_ context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	f.completed = in
	return &autoscaling.CompleteLifecycleActionOutput{}, f.err
}

func (f *fake) SetInstanceHealth(_ context.Context, in *autoscaling.SetInstanceHealthInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceHealthOutput, error) {
	f.health = in
	return &autoscaling.SetInstanceHealthOutput{}, f.err
}

func group(f *fake) (Group, *bytes.Buffer) {
	var log bytes.Buffer
	return Group{API: f, Instance: imds.Instance{ID: "i-1", Group: "tier-mail"}, Log: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

func TestLaunchHookIsCompletedForThisInstance(t *testing.T) {
	f := &fake{}
	g, _ := group(f)
	if err := g.InService(t.Context(), "boot"); err != nil {
		t.Fatal(err)
	}
	if in := f.completed; *in.AutoScalingGroupName != "tier-mail" || *in.InstanceId != "i-1" || *in.LifecycleHookName != "boot" || *in.LifecycleActionResult != "CONTINUE" {
		t.Errorf("completed %+v", in)
	}
}

// A second start of an instance, or one that was late, has nothing to complete; a refusal is a failure.
func TestOnlyALateCompletionIsForgiven(t *testing.T) {
	late := &smithy.GenericAPIError{Code: "ValidationError", Message: "No active Lifecycle Action found with instance ID i-1"}
	g, log := group(&fake{err: late})
	if err := g.InService(t.Context(), "boot"); err != nil || !strings.Contains(log.String(), "No active Lifecycle Action") {
		t.Errorf("error %v, log %q", err, log)
	}
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	g, _ = group(&fake{err: denied})
	if err := g.InService(t.Context(), "boot"); !errors.Is(err, denied) {
		t.Errorf("a refusal gives the error %v", err)
	}
}

func TestUnhealthyNamesThisInstanceAndWaitsForNothing(t *testing.T) {
	f := &fake{}
	g, _ := group(f)
	if err := g.Unhealthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in := f.health; *in.InstanceId != "i-1" || *in.HealthStatus != "Unhealthy" || *in.ShouldRespectGracePeriod {
		t.Errorf("told %+v", in)
	}
	f.err = errors.New("away")
	if err := g.Unhealthy(t.Context()); !errors.Is(err, f.err) {
		t.Errorf("error %v", err)
	}
}
