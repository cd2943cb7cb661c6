package stacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/synthtest"
)

const changesPage = "../docs/changes.md"

// docs/changes.md says what a change of each key does to a deployed tier. The keys are those of the schema, the effects are
// read from the templates before and after.
func TestEffectOfEachKey(t *testing.T) {
	keys := schemaKeys(t)
	for key := range changes {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is no key of the schema", key)
		}
	}
	schemas := newSchemas(t)
	plain := deploy(t, nil, false)
	var rows strings.Builder
	for _, key := range keys {
		c, known := changes[key]
		if !known {
			t.Errorf("%s: nobody says how it changes (give it a line in changes)", key)
			continue
		}
		before := plain
		if c.before != nil {
			before = deploy(t, c.before, false)
		}
		after := deploy(t, append(slices.Clone(c.before), c.after...), c.code)
		fmt.Fprintf(&rows, "| `%s` | %s |\n", strings.ReplaceAll(key, "*", "NAME"), before.effect(after, schemas))
	}
	page, err := os.ReadFile(changesPage)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| key | a change of it |\n|---|---|\n"
	above, _, found := strings.Cut(string(page), head)
	if !found {
		t.Fatalf("%s has no table %q", changesPage, head)
	}
	want := above + head + rows.String()
	if *update {
		if err := os.WriteFile(changesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(page), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("%s (-page +templates; make update rewrites):\n%s", changesPage, diff)
	}
}

// repeated are the parts of the schema whose keys are those of another one.
var repeated = map[string]string{
	"defaults.": "contentTypes.*.", "environments.*.defaults.": "contentTypes.*.", "environments.*.contentTypes.*.": "contentTypes.*.",
	"environments.*.baseImage.": "baseImage.", "environments.*.network.": "network.",
}

// schemaKeys are all keys of the file that hold a value, in the order of the schema. Those of repeated parts are left out.
func schemaKeys(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../worker-tier.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node // keeps the order of keys
	if err := yaml.Load(text, &root); err != nil {
		t.Fatal(err)
	}
	all := leaves(root.Content[0], "")
	var keys []string
	for _, key := range all {
		again := false
		for part, original := range repeated {
			rest, in := strings.CutPrefix(key, part)
			if again = again || in; in && !slices.Contains(all, original+rest) {
				t.Errorf("%s stands for no %s", key, original+rest)
			}
		}
		if !again {
			keys = append(keys, key)
		}
	}
	return keys
}

func leaves(schema *yaml.Node, path string) []string {
	entry := func(of *yaml.Node, name string) *yaml.Node {
		for i := 0; i+1 < len(of.Content) && of.Kind == yaml.MappingNode; i += 2 {
			if of.Content[i].Value == name {
				return of.Content[i+1]
			}
		}
		return &yaml.Node{}
	}
	var keys []string
	if inner := entry(schema, "additionalProperties"); len(entry(inner, "properties").Content) > 0 {
		return leaves(inner, path+"*.")
	}
	properties := entry(schema, "properties").Content
	for i := 0; i+1 < len(properties); i += 2 {
		keys = append(keys, leaves(properties[i+1], path+properties[i].Value+".")...)
	}
	if len(keys) == 0 {
		keys = []string{strings.TrimSuffix(path, ".")}
	}
	return keys
}

// deployed is what a configuration makes: where, and the resources of each stack.
type deployed struct {
	where  string
	stacks map[string]synthtest.Template
}

// deploy synthesizes the configuration of these tests with edits. Other code stands for another worker.
func deploy(t *testing.T, edits []set, code bool) deployed {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{}
	if err := yaml.Load([]byte(changed), &tree); err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		e.in(tree)
	}
	text, err := yaml.Dump(tree)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "tier.yaml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	tier, _, err := config.LoadFile(path, "") // the worker is a stand-in, which describes no options
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	bundles := standIn
	if code {
		if err := os.WriteFile(filepath.Join(dir, "bundle", "another"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		bundles = standInOf(filepath.Join(dir, "bundle"))
	}
	out := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: &out, AnalyticsReporting: new(false),
		Context: &map[string]any{lookup(tier): fmt.Sprintf("ami-%017x", len(tier.Environment.BaseImage.SSMParameter))},
	})
	New(app, tier, bundles)
	app.Synth(nil)
	made := deployed{tier.Name + " " + tier.Environment.Account + " " + tier.Environment.Region, map[string]synthtest.Template{}}
	for stack, text := range templates(t, out) {
		made.stacks[strings.TrimPrefix(stack, prefix(tier)+"-")] = synthtest.Parse(t, []byte(text))
	}
	return made
}

// refresh starts the id of the alarm that stops an instance refresh. Each launch template has its own.
const refresh = "PoolRefresh"

// effect says in words what an update from d to after does.
func (d deployed) effect(after deployed, known schemas) string {
	if d.where != after.where {
		return "another deployment: everything is made anew, the old one stays as it is"
	}
	rolls, parts := false, map[string][]string{}
	note := func(what, kind string) {
		kind = strings.TrimPrefix(kind, "AWS::")
		if !slices.Contains(parts[what], kind) {
			parts[what] = append(parts[what], kind)
		}
	}
	for _, stack := range slices.Sorted(maps.Keys(d.stacks)) {
		was, is := d.stacks[stack], after.stacks[stack]
		for id, old := range was {
			now, there := is[id]
			switch {
			case strings.HasPrefix(id, refresh) || reflect.DeepEqual(old, now):
			case !there:
				note("removes", old.Type)
			case old.Type == "AWS::AutoScaling::AutoScalingGroup" && reflect.DeepEqual(old.Properties, now.Properties): // the refresh's alarm
			case old.Type == "AWS::EC2::LaunchTemplate" || !reflect.DeepEqual(old.At("MixedInstancesPolicy"), now.At("MixedInstancesPolicy")):
				rolls = true
			case known.replaces(old, now):
				note("replaces", old.Type)
			default:
				note("changes in place", old.Type)
			}
		}
		for id, now := range is {
			if _, there := was[id]; !there && !strings.HasPrefix(id, refresh) {
				note("adds", now.Type)
			}
		}
	}
	var words []string
	if rolls {
		words = append(words, "**replaces instances**")
	}
	for _, what := range []string{"replaces", "adds", "removes", "changes in place"} {
		if kinds := parts[what]; len(kinds) > 0 {
			slices.Sort(kinds)
			words = append(words, what+" "+strings.Join(kinds, ", "))
		}
	}
	if len(words) == 0 {
		return "changes nothing that is deployed"
	}
	return strings.Join(words, "; ")
}

// schemas are CloudFormation's schemas of resource types, as cfn-lint holds them: they say which properties a resource is
// replaced for.
type schemas struct {
	dir   string
	files map[string]string
}

func newSchemas(t *testing.T) schemas {
	t.Helper()
	dirs, err := filepath.Glob("../.venv/lib/python3*/site-packages/cfnlint/data/schemas")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("cfn-lint's schemas are not in .venv (%v): run make tools", err)
	}
	s := schemas{dir: dirs[0]}
	text, err := os.ReadFile(filepath.Join(s.dir, "providers", "us-east-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s.files); err != nil {
		t.Fatal(err)
	}
	if !s.replaces(synthtest.Resource{Type: "AWS::SQS::Queue", Properties: map[string]any{"QueueName": "a"}}, synthtest.Resource{Type: "AWS::SQS::Queue"}) {
		t.Fatal("another name does not replace a queue: cfn-lint's schemas are read wrongly")
	}
	return s
}

func (s schemas) replaces(old, now synthtest.Resource) bool {
	text, err := os.ReadFile(filepath.Join(s.dir, "resources", s.files[old.Type]+".json"))
	if err != nil {
		panic(err)
	}
	var schema struct{ CreateOnlyProperties []string }
	if err := json.Unmarshal(bytes.TrimSpace(text), &schema); err != nil {
		panic(err)
	}
	return slices.ContainsFunc(schema.CreateOnlyProperties, func(pointer string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/properties/"), "/")
		return !reflect.DeepEqual(old.Properties[name], now.Properties[name])
	})
}
