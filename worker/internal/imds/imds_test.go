package imds

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

func start(t *testing.T) (*fakeimds.Server, *Client) {
	t.Helper()
	server, err := fakeimds.Start(fakeimds.Identity{InstanceID: "i-0123456789abcdef0", Region: "us-east-1", Zone: "us-east-1b", Group: "tier-mail"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server, New(aws.Config{Region: "us-east-1", ConfigSources: []any{endpoint(server.URL)}})
}

// endpoint is how the SDK's configuration carries AWS_EC2_METADATA_SERVICE_ENDPOINT.
type endpoint string

func (e endpoint) GetEC2IMDSEndpoint() (string, bool, error) { return string(e), true, nil }

func TestDiscover(t *testing.T) {
	_, client := start(t)
	got, err := client.Discover(t.Context())
	if want := (Instance{ID: "i-0123456789abcdef0", Group: "tier-mail"}); err != nil || got != want {
		t.Errorf("discovered %+v, error %v, want %+v", got, err, want)
	}
}

func TestDiscoverOffEC2(t *testing.T) {
	client := New(aws.Config{ConfigSources: []any{endpoint("http://127.0.0.1:1")}})
	begin := time.Now()
	if got, err := client.Discover(t.Context()); err == nil {
		t.Errorf("discovered %+v where nobody answers", got)
	}
	if took := time.Since(begin); took > discoverTimeout+time.Second {
		t.Errorf("took %s", took)
	}
}

func TestNoticesBecomeCauses(t *testing.T) {
	server, client := start(t)
	notice := func() *drain.Cause {
		t.Helper()
		cause, err := client.notice(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return cause
	}
	if cause := notice(); cause != nil {
		t.Errorf("a healthy instance has the cause %v", cause)
	}
	server.InterruptSpot(time.Now().Add(2 * time.Minute))
	if cause := notice(); cause == nil || cause.Source != drain.Spot || cause.Budget(time.Second) != 90*time.Second {
		t.Errorf("a Spot interruption gives %v", cause)
	}
	server.SetTargetState("Terminated")
	if cause := notice(); cause == nil || cause.Source != drain.Lifecycle || cause.Budget(time.Second) != time.Second {
		t.Errorf("a termination gives %v", cause)
	}
}

func TestWatchTakesTheFirstNoticeOnly(t *testing.T) {
	server, client := start(t)
	server.SetTargetState("Terminated")
	taken := 0
	client.Watch(t.Context(), slog.New(slog.NewTextHandler(io.Discard, nil)), func(*drain.Cause) { taken++ })
	if taken != 1 {
		t.Errorf("took %d notices", taken)
	}
}

// group records what is said about its hook.
type group struct {
	completed *autoscaling.CompleteLifecycleActionInput
}

func (g *group) CompleteLifecycleAction(_ context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	g.completed = in
	return &autoscaling.CompleteLifecycleActionOutput{}, nil
}

func (g *group) RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, nil
}

func TestHookIsCompletedForThisInstance(t *testing.T) {
	g := &group{}
	hook := Hook{API: g, Name: "drain", Instance: Instance{ID: "i-1", Group: "tier-mail"}}
	if err := hook.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := g.completed
	if *in.AutoScalingGroupName != "tier-mail" || *in.InstanceId != "i-1" || *in.LifecycleHookName != "drain" || *in.LifecycleActionResult != "CONTINUE" {
		t.Errorf("completed %+v", in)
	}
}
