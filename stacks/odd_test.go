package stacks

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/constructs/workerpool"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

const oddConfig = "testdata/odd/worker-tier.yaml"

// What the configuration accepts, synth takes: no value of a file ends it by a panic. What comes out has the tags of the
// file.
func TestOddConfigurationsSynthesize(t *testing.T) {
	for _, environment := range []string{"china--", "gov", "local-zones"} {
		tier := load(t, oddConfig, environment)
		assembly := synthesize(t, tier, standIn)
		got := templates(t, assembly)
		if len(got) < 1+len(tier.ContentTypes) {
			t.Errorf("%s: %d templates for %d content types", environment, len(got), len(tier.ContentTypes))
		}
		checkPartition(t, tier.Environment.Region, assembly)
		ofStacks := stackTags(t, assembly)
		for _, contentType := range tier.ContentTypes {
			stack := contract.StackName(tier.Name, environment, contentType.Name)
			checkPoolTags(t, contentType, ofStacks[stack], synthtest.Parse(t, []byte(got[stack])))
		}
		if stack := contract.StackName(tier.Name, environment, tierspec.BaseImageStack); tier.Environment.ImageBuilder != nil {
			checkImageTags(t, tier.Environment, ofStacks[stack], synthtest.Parse(t, []byte(got[stack])))
		}
	}
}

// stackTags are the tags of stacks in a cloud assembly, which CloudFormation hands on to what is in them.
func stackTags(t *testing.T, assembly string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(assembly, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Properties struct{ Tags map[string]string }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	tags := map[string]map[string]string{}
	for name, artifact := range manifest.Artifacts {
		tags[name] = artifact.Properties.Tags
	}
	return tags
}

// checkPoolTags wants every tag of a content type on the group, on volumes and on the queue, and those that an instance can
// have on instances. A key such as "cost center" on an instance would stop every launch.
func checkPoolTags(t *testing.T, contentType tierspec.ContentType, ofStack map[string]string, template synthtest.Template) {
	t.Helper()
	for key := range ofStack {
		if !workerpool.OnInstances(key) {
			t.Errorf("the stack of %s has the tag %q, which CloudFormation hands on to instances", contentType.Name, key)
		}
	}
	group, _ := template.One(t, "AWS::AutoScaling::AutoScalingGroup").At("Tags").([]any)
	for _, entry := range group {
		tag := entry.(map[string]any)
		key := tag["Key"].(string)
		if _, listed := contentType.Tags[key]; listed && tag["PropagateAtLaunch"] != workerpool.OnInstances(key) {
			t.Errorf("group of %s: tag %q reaches instances: %v", contentType.Name, key, tag["PropagateAtLaunch"])
		}
	}
	volumes := template.One(t, "AWS::EC2::LaunchTemplate").At("LaunchTemplateData", "TagSpecifications", 0, "Tags")
	for place, tags := range map[string]any{"group": group, "volumes": volumes} {
		if got := tagsOf(tags); !contains(got, contentType.Tags) {
			t.Errorf("%s of %s: tags %v, want %v", place, contentType.Name, got, contentType.Tags)
		}
	}
	for _, queue := range template.Of("AWS::SQS::Queue") {
		if got := withStack(queue.At("Tags"), ofStack); !contains(got, contentType.Tags) {
			t.Errorf("queue of %s: tags %v, want %v", contentType.Name, got, contentType.Tags)
		}
	}
}

// checkImageTags wants every tag of the environment on the role that builds images, and no tag on resources of Image
// Builder that it does not take.
func checkImageTags(t *testing.T, env tierspec.Environment, ofStack map[string]string, template synthtest.Template) {
	t.Helper()
	for _, kind := range imageBuilderTypes {
		for _, resource := range template.Of(kind) {
			text, err := json.Marshal(resource.Properties)
			if err != nil {
				t.Fatal(err)
			}
			for key := range env.Tags {
				if !onImages(key) && (strings.Contains(string(text), `"`+key+`":`) || hasKey(ofStack, key)) {
					t.Errorf("%s has the tag %q", kind, key)
				}
			}
		}
	}
	for _, role := range template.Of("AWS::IAM::Role") {
		if got := withStack(role.At("Tags"), ofStack); !contains(got, env.Tags) {
			t.Errorf("role: tags %v, want %v", got, env.Tags)
		}
	}
}

// tagsOf are the tags of a list in a template.
func tagsOf(list any) map[string]string {
	tags := map[string]string{}
	entries, _ := list.([]any)
	for _, entry := range entries {
		tag := entry.(map[string]any)
		if value, plain := tag["Value"].(string); plain {
			tags[tag["Key"].(string)] = value
		}
	}
	return tags
}

// withStack are the tags of a list in a template and those that a resource gets from its stack.
func withStack(list any, ofStack map[string]string) map[string]string {
	tags := maps.Clone(ofStack)
	maps.Copy(tags, tagsOf(list))
	return tags
}

func hasKey(tags map[string]string, key string) bool {
	_, has := tags[key]
	return has
}

// contains reports whether tags hold all that are wanted.
func contains(tags, wanted map[string]string) bool {
	for key, value := range wanted {
		if tags[key] != value || !hasKey(tags, key) {
			return false
		}
	}
	return true
}
