package stacks

import "testing"

const oddConfig = "testdata/odd/worker-tier.yaml"

// What the configuration accepts, synth takes: no value of a file ends it by a panic.
func TestOddConfigurationsSynthesize(t *testing.T) {
	for _, environment := range []string{"china--", "gov", "local-zones"} {
		tier := load(t, oddConfig, environment)
		if got := templates(t, synthesize(t, tier, standIn)); len(got) < 1+len(tier.ContentTypes) {
			t.Errorf("%s: %d templates for %d content types", environment, len(got), len(tier.ContentTypes))
		}
	}
}
