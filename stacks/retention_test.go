package stacks

import (
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
)

// What holds jobs, messages or outputs outlives its stack, unless its environment is disposable. A first deploy that
// fails keeps nothing.
func TestWhatHoldsDataIsKeptUnlessDisposable(t *testing.T) {
	for environment, want := range map[string][2]string{
		"prod": {"RetainExceptOnCreate", "Retain"},
		"lab":  {"Delete", "Delete"},
	} {
		found := map[string]int{}
		tier := load(t, testConfig, environment)
		pools := 0
		for stack, text := range templates(t, synthesize(t, tier, standIn)) {
			template := synthtest.Parse(t, []byte(text))
			kinds := []string{"AWS::SQS::Queue", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"}
			if len(template.Of("AWS::AutoScaling::AutoScalingGroup")) > 0 {
				pools++
				kinds = append(kinds, "AWS::Logs::LogGroup") // the image pipeline's has a fixed name, which a retained one would keep
			}
			for _, kind := range kinds {
				for _, r := range template.Of(kind) {
					found[kind]++
					if got := [2]string{r.DeletionPolicy, r.UpdateReplacePolicy}; got != want {
						t.Errorf("%s: %s has the policies %v, want %v", stack, r.ID, got, want)
					}
				}
			}
		}
		if found["AWS::SQS::Queue"] != 2*len(tier.ContentTypes) || found["AWS::DynamoDB::GlobalTable"] != 1 || found["AWS::S3::Bucket"] != 1 || found["AWS::Logs::LogGroup"] != pools || pools != len(tier.ContentTypes) {
			t.Errorf("%s: found %v, want two queues and a log group for each of %d types, a table and a bucket", environment, found, len(tier.ContentTypes))
		}
	}
}
