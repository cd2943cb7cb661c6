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
		for stack, text := range templates(t, synthesize(t, tier, standIn)) {
			template := synthtest.Parse(t, []byte(text))
			for _, kind := range []string{"AWS::SQS::Queue", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"} {
				for _, r := range template.Of(kind) {
					found[kind]++
					if got := [2]string{r.DeletionPolicy, r.UpdateReplacePolicy}; got != want {
						t.Errorf("%s: %s has the policies %v, want %v", stack, r.ID, got, want)
					}
				}
			}
		}
		if found["AWS::SQS::Queue"] != 2*len(tier.ContentTypes) || found["AWS::DynamoDB::GlobalTable"] != 1 || found["AWS::S3::Bucket"] != 1 {
			t.Errorf("%s: found %v, want two queues for each of %d types, a table and a bucket", environment, found, len(tier.ContentTypes))
		}
	}
}
