package twin_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/bench/twin"
	"github.com/worker-tier/worker-tier/tierspec"
)

func TestMain(m *testing.M) {
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// The benchmark compares two programs that make the same: for the real configuration, with the opt-ins that it leaves
// out, every template of the twin is ours.
func TestTwinMakesTheSameTemplates(t *testing.T) {
	tier, _, err := config.Load("../../../worker-tier.yaml", "local")
	if err != nil {
		t.Fatal(err)
	}
	const key = "arn:aws:kms:us-east-1:000000000000:key/1"
	tier.Environment.AlarmKey = key
	tier.ContentTypes[0].QueueKey = key
	tier.ContentTypes[0].Inbound = []tierspec.Inbound{{Port: 9100, SecurityGroup: "sg-0123456789abcdef0"}}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "worker"), []byte("a stand-in, the same for both"), 0o755); err != nil {
		t.Fatal(err)
	}
	archive, err := bundle.Pack(folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bundles := stacks.Bundles{}
	for _, c := range tier.ContentTypes {
		bundles[c.Architecture] = bundle.Bundle{Archive: archive}
	}

	ours, theirs, input := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "input.json")
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &ours})
	stacks.New(app, tier, bundles)
	app.Synth(nil)
	if err := twin.WriteInput(input, tier, bundles); err != nil {
		t.Fatal(err)
	}
	if err := twin.Synth(t.Context(), "..", input, theirs); err != nil {
		t.Fatal(err)
	}

	want, got := templates(t, ours), templates(t, theirs)
	if len(want) != len(tier.ContentTypes)+1 {
		t.Errorf("%d templates for %d content types and the shared stack", len(want), len(tier.ContentTypes))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("templates (-ours +twin):\n%s", diff)
	}
}

// templates are the parsed templates of a cloud assembly by file name.
func templates(t *testing.T, dir string) map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var template any
		if err := json.Unmarshal(text, &template); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = template
	}
	return all
}
