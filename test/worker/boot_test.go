package worker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2/fakeimds"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// A new instance runs this after Chef: it completes the launch of an instance that can work, and of no other.
func TestBootCompletesTheLaunchOfAnInstanceThatCanWork(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "boot")
	tr.settings.LaunchHook = "launch"
	group := tr.launchingGroup()
	metadata, err := fakeimds.Start(fakeimds.Identity{InstanceID: "i-0123456789abcdef0", Region: localaws.Region, Zone: "us-east-1a", Group: group})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(metadata.Close)
	for name, c := range map[string]struct {
		change func(*contract.Settings)
		code   int
		said   string
	}{
		"can work":       {func(*contract.Settings) {}, 0, "launch hook completed"},
		"no table":       {func(s *contract.Settings) { s.Table = "boot-none" }, 1, "worker: the worker's check failed: clock, table, index, self-test: the job table does not exist"},
		"no queue":       {func(s *contract.Settings) { s.QueueURL += "-none" }, 1, "worker: the worker's check failed: queue: measure messages of queue " + tr.settings.QueueURL + "-none: the queue does not exist"},
		"no bucket":      {func(s *contract.Settings) { s.ArtifactsBucket = "boot-none" }, 1, "worker: the worker's check failed: bucket: write s3://boot-none/jobs/backup/selftest."},
		"no processor":   {func(s *contract.Settings) { s.Processor = "thumbs" }, 1, `this worker has no processor "thumbs"`},
		"no such hook":   {func(s *contract.Settings) { s.LaunchHook = "late" }, 0, "launch hook not completed: the instance is not launching"},
		"no hook at all": {func(s *contract.Settings) { s.LaunchHook = "" }, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a table that is not there is asked for a while
			settings := tr.settings
			c.change(&settings)
			environ := append(slices.Clone(tr.environ), "AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata.URL)
			_, stderr, code := tr.worker(environ, "boot", "complete", "--document", firstBoot(t, settings))
			if code != c.code || !strings.Contains(stderr, c.said) || strings.Contains(stderr, "hook completed") != (name == "can work") {
				t.Errorf("exit %d, want %d with %q:\n%s", code, c.code, c.said, stderr)
			}
		})
	}
}

// launchingGroup makes a group with the launch hook "launch".
func (tr *tier) launchingGroup() string {
	tr.t.Helper()
	cfg, err := localaws.StartT(tr.t).AWSConfig(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	groups, name := autoscaling.NewFromConfig(cfg), tr.settings.Tier
	if _, err := groups.CreateAutoScalingGroup(tr.t.Context(), &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, MinSize: new(int32(0)), MaxSize: new(int32(1)), AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
	}); err != nil {
		tr.t.Fatal(err)
	}
	if _, err := groups.PutLifecycleHook(tr.t.Context(), &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: &name, LifecycleHookName: new("launch"), LifecycleTransition: new("autoscaling:EC2_INSTANCE_LAUNCHING"),
	}); err != nil {
		tr.t.Fatal(err)
	}
	return name
}

// firstBoot is a first-boot document, as user-data writes it.
func firstBoot(t *testing.T, settings contract.Settings) string {
	t.Helper()
	return document(t, contract.FirstBoot{Schema: contract.BootSchema, WorkerTier: contract.Attributes{Environment: settings.Environ()}})
}

func document(t *testing.T, d contract.FirstBoot) string {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "first-boot.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
