package localec2

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/worker-tier/worker-tier/test/localaws"
)

func groupInput(name, template string, desired int32) *autoscaling.CreateAutoScalingGroupInput {
	return &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: new(int32(0)), MaxSize: new(int32(9)), DesiredCapacity: &desired,
		AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		LaunchTemplate:    &types.LaunchTemplateSpecification{LaunchTemplateId: &template, Version: new("1")},
	}
}

func hookInput(group, name, transition, result string) *autoscaling.PutLifecycleHookInput {
	return &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: &group, LifecycleHookName: &name,
		LifecycleTransition: &transition, HeartbeatTimeout: new(int32(300)), DefaultResult: &result,
	}
}

func (p pool) setDesired(t *testing.T, n int32) {
	t.Helper()
	groups := autoscaling.NewFromConfig(p.cfg)
	localaws.Call(t, groups.SetDesiredCapacity, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &p.group, DesiredCapacity: &n})
}

// report is what the fixture says about itself once it runs.
type report struct {
	Environment, Arguments []string
	Children               []int
}

// running waits for n instances whose workers run, and returns them with their reports.
func (p pool) running(t *testing.T, n int) ([]*Instance, []report) {
	t.Helper()
	var instances []*Instance
	var reports []report
	eventually(t, "the instances to run", func() bool {
		instances, reports = p.Instances(), nil
		for _, i := range instances {
			text, err := os.ReadFile(filepath.Join(i.Dir, "started"))
			if err != nil {
				return false
			}
			var r report
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			reports = append(reports, r)
		}
		return len(instances) == n
	})
	return instances, reports
}

// patience is how long a test waits for an event on a machine that has other work.
const patience = 5 * time.Minute

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func alive(pid int) bool {
	state, _, err := stat(pid)
	return err == nil && state != "Z"
}

func TestInstancesRunWhatTheDeployedUserDataSays(t *testing.T) {
	t.Setenv("SECRET_OF_THE_USER", "1")
	p := newPool(t, 2, "CONTINUE")
	instances, reports := p.running(t, 2)
	if zones := []string{instances[0].Zone, instances[1].Zone}; !slices.Contains(zones, "us-east-1a") || !slices.Contains(zones, "us-east-1b") {
		t.Errorf("zones %v, want both", zones)
	}
	if !regexp.MustCompile(`^i-[0-9a-f]{17}$`).MatchString(instances[0].ID) || instances[0].ContentType != "mail" {
		t.Errorf("instance %q of %q", instances[0].ID, instances[0].ContentType)
	}
	r := reports[0]
	if !slices.Equal(r.Arguments, []string{"run"}) {
		t.Errorf("arguments %q, want run", r.Arguments)
	}
	var names []string
	for _, v := range r.Environment {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_REGION", "GROUP", "LAUNCH", fixtureVariable, "PATH", "TMPDIR", "WORKER_CONTENT_TYPE", "WORKER_LAUNCH_HOOK"}
	if !slices.Equal(names, want) {
		t.Errorf("environment %v, want %v", names, want)
	}
}

func TestPowerCutLeavesNothingAndIsReplaced(t *testing.T) {
	p := newPool(t, 1, "CONTINUE")
	instances, reports := p.running(t, 1)
	instances[0].Machine.PowerCut()
	for _, pid := range reports[0].Children {
		if alive(pid) {
			t.Errorf("child %d lives after the power cut", pid)
		}
	}
	replaced, _ := p.running(t, 1)
	if replaced[0].ID == instances[0].ID {
		t.Errorf("instance %s was not replaced", replaced[0].ID)
	}
}

func TestFreezeStopsEverythingUntilThaw(t *testing.T) {
	p := newPool(t, 1, "CONTINUE")
	instances, _ := p.running(t, 1)
	machine := instances[0].Machine.(*process)
	eventually(t, "the boot to be over", func() bool { return p.InService(instances[0]) && len(machine.Processes()) == 3 })
	if err := machine.Freeze(); err != nil {
		t.Fatal(err)
	}
	count := func(stopped bool) (n int) {
		for _, m := range machine.members() {
			if m.stopped == stopped {
				n++
			}
		}
		return n
	}
	if stopped, running := count(true), count(false); stopped != 3 || running != 0 {
		t.Errorf("frozen: %d stopped and %d running, want the worker and its 2 children stopped", stopped, running)
	}
	if err := machine.Thaw(); err != nil {
		t.Fatal(err)
	}
	if stopped, running := count(true), count(false); stopped != 0 || running != 3 {
		t.Errorf("thawed: %d stopped and %d running, want 3 running", stopped, running)
	}
}

func TestScaleInWaitsForTheTerminationHook(t *testing.T) {
	p := newPool(t, 2, "CONTINUE")
	instances, _ := p.running(t, 2)
	eventually(t, "both to be in service: else the other one goes", func() bool { return p.InService(instances[0]) && p.InService(instances[1]) })
	p.setDesired(t, 1)
	first := instances[0]
	<-first.Machine.Done()
	if calls := first.hookCalls("CompleteLifecycleAction", "terminate"); len(calls) != 1 {
		t.Errorf("%d completed lifecycle actions, want 1", len(calls))
	}
	log, err := os.ReadFile(filepath.Join(first.Dir, LogFile))
	if err != nil || string(log) != "drained\n" {
		t.Errorf("log %q (%v): the worker was not shut down in order", log, err)
	}
	if left, _ := p.running(t, 1); left[0] != instances[1] {
		t.Errorf("instance %s runs, want %s", left[0].ID, instances[1].ID)
	}
	if memory, err := instances[1].Machine.Memory(); err != nil || memory < 1<<20 {
		t.Errorf("memory %d (%v)", memory, err)
	}
}

func TestShutdownIsReplaced(t *testing.T) {
	p := newPool(t, 1, "CONTINUE")
	instances, reports := p.running(t, 1)
	instances[0].Machine.Shutdown()
	<-instances[0].Machine.Done()
	if replaced, _ := p.running(t, 1); replaced[0] == instances[0] {
		t.Error("not replaced")
	}
	for _, pid := range reports[0].Children {
		if alive(pid) {
			t.Errorf("child %d outlived its machine", pid)
		}
	}
}

func TestReplacedWhenAsked(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, api *autoscaling.Client, id *string) error{
		"terminate": func(ctx context.Context, api *autoscaling.Client, id *string) error {
			_, err := api.TerminateInstanceInAutoScalingGroup(ctx, &autoscaling.TerminateInstanceInAutoScalingGroupInput{InstanceId: id, ShouldDecrementDesiredCapacity: new(false)})
			return err
		},
		"unhealthy": func(ctx context.Context, api *autoscaling.Client, id *string) error {
			_, err := api.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{InstanceId: id, HealthStatus: new("Unhealthy"), ShouldRespectGracePeriod: new(false)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 1, "CONTINUE")
			instances, _ := p.running(t, 1)
			cfg := p.cfg
			cfg.BaseEndpoint = &instances[0].AWS.URL
			if err := ask(t.Context(), autoscaling.NewFromConfig(cfg), &instances[0].ID); err != nil {
				t.Fatal(err)
			}
			<-instances[0].Machine.Done()
			if calls := instances[0].hookCalls("CompleteLifecycleAction", "terminate"); len(calls) != 1 {
				t.Errorf("%d completed lifecycle actions, want 1", len(calls))
			}
			if replaced, _ := p.running(t, 1); replaced[0] == instances[0] {
				t.Error("not replaced")
			}
		})
	}
}

func TestInstanceCountsOnceItsLaunchIsCompleted(t *testing.T) {
	p := newPool(t, 1, "CONTINUE")
	instances, _ := p.running(t, 1)
	eventually(t, "the instance to be in service", func() bool { return p.InService(instances[0]) })
	if calls := instances[0].hookCalls("CompleteLifecycleAction", "launch"); len(calls) != 1 {
		t.Errorf("%d completed launches, want 1", len(calls))
	}
	p.setDesired(t, 0)
	<-instances[0].Machine.Done()
	if p.InService(instances[0]) {
		t.Error("in service after its end")
	}
}

// A launch that is abandoned, and a worker that does not pass its check, make no capacity and are replaced.
func TestAbandonedLaunchIsReplaced(t *testing.T) {
	for name, launch := range map[string]string{"abandoned": "ABANDON", "check failed": ""} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, 1, launch)
			eventually(t, "a third instance", func() bool { return len(p.All()) >= 3 })
			for _, i := range p.All()[:2] {
				<-i.Machine.Done()
				if p.InService(i) {
					t.Errorf("instance %s was in service", i.ID)
				}
			}
		})
	}
}

func TestLossOfAZoneIsSurvived(t *testing.T) {
	p := newPool(t, 2, "CONTINUE")
	instances, _ := p.running(t, 2)
	lost := instances[0].Zone
	p.LoseZone(lost)
	eventually(t, "both instances to be in service outside the lost zone", func() bool {
		n := 0
		for _, i := range p.Instances() {
			if p.InService(i) && i.Zone != lost {
				n++
			}
		}
		return n == 2
	})
}
