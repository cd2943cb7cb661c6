package worker

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
)

// group makes an Auto Scaling group of one instance and returns its id and a way to ask whether it is protected.
func group(t *testing.T, name string) (id string, protected func() bool) {
	t.Helper()
	cfg, err := localaws.StartT(t).AWSConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	api := autoscaling.NewFromConfig(cfg)
	if _, err := api.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: &name, ImageId: aws.String("ami-0123456789abcdef0"), InstanceType: aws.String("m7g.large"),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.CreateAutoScalingGroup(t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, LaunchConfigurationName: &name, AvailabilityZones: []string{"us-east-1a"},
		MinSize: aws.Int32(1), MaxSize: aws.Int32(1), DesiredCapacity: aws.Int32(1),
	}); err != nil {
		t.Fatal(err)
	}
	only := func() astypes.Instance {
		out, err := api.DescribeAutoScalingGroups(t.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
		if err != nil || len(out.AutoScalingGroups) != 1 || len(out.AutoScalingGroups[0].Instances) != 1 {
			t.Fatalf("group %+v: %v", out, err)
		}
		return out.AutoScalingGroups[0].Instances[0]
	}
	return *only().InstanceId, func() bool { return *only().ProtectedFromScaleIn }
}

// An instance of a warm pool takes its first job when its group has it in service, and has itself protected
// while it works.
func TestWarmInstanceWorksOnceItIsInServiceAndIsProtectedThen(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "warm")
	id, protected := group(t, "warm-group")
	metadata, err := fakeimds.Start(fakeimds.Identity{InstanceID: id, Region: localaws.Region, Zone: "us-east-1a", Group: "warm-group"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(metadata.Close)
	metadata.SetTargetState("Warmed:Stopped")
	tr.environ = append(tr.environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata.URL, "AWS_EC2_METADATA_DISABLED=false")
	tr.settings.WarmPool, tr.settings.ProtectBusy = true, true
	tr.settings.Processor, tr.settings.Command = "exec", []string{"/bin/sh", "-c", "sleep 4"}
	tr.submit("first", "{}")

	i := tr.start()
	await(t, "the worker waits", func() bool { return i.logged("not in service yet: no jobs are taken") })
	time.Sleep(time.Second) // an idle worker claims within a tenth of that
	if j := tr.show("first"); j.State != "READY" || protected() {
		t.Fatalf("in a warm pool the job is %s, the instance protected %t", j.State, protected())
	}
	metadata.SetTargetState("InService")
	await(t, "the instance is protected", protected)
	await(t, "the job is done", func() bool { return tr.show("first").State == "DONE" })
}
