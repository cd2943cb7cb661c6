package worker

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// A new instance runs this after Chef: it completes the launch of an instance that can work, and of no other.
func TestBootCompletesTheLaunchOfAnInstanceThatCanWork(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "boot")
	tr.settings.LaunchHook = "launch"
	tr.hookedGroup("boot", "launch", "autoscaling:EC2_INSTANCE_LAUNCHING")
	_, instance := tr.standsIn(instanceID, "boot")
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
			_, stderr, code := tr.worker(slices.Concat(tr.environ, instance), "boot", "complete", "--document", firstBoot(t, settings))
			if code != c.code || !strings.Contains(stderr, c.said) || strings.Contains(stderr, "hook completed") != (name == "can work") {
				t.Errorf("exit %d, want %d with %q:\n%s", code, c.code, c.said, stderr)
			}
		})
	}
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
	return write(t, "first-boot.json", string(text))
}
