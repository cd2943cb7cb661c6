package stacks

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
)

var update = flag.Bool("update", false, "rewrite the golden templates")

func TestMain(m *testing.M) { synthtest.Main(m) }

// load reads a config for one environment.
func load(t *testing.T, file, environment string) *tierspec.Tier {
	t.Helper()
	tier, _, err := config.Load(file, environment)
	if err != nil {
		t.Fatal(err)
	}
	return tier
}

const testConfig = "testdata/worker-tier.yaml"

// standIn is a bundle that has the same hash on every machine and after every change of the worker.
var standIn = standInOf("testdata/bundle")

// standInOf makes bundles of a folder.
func standInOf(folder string) Bundles {
	archive, err := bundle.Pack(folder, filepath.Join(folder, "..", ".build", "archives"))
	if err != nil {
		panic(err)
	}
	return Bundles{tierspec.ARM64: {Archive: archive}, tierspec.X8664: {Archive: archive}}
}

// synthesize writes the cloud assembly of a tier and returns its folder.
func synthesize(t *testing.T, tier *tierspec.Tier, bundles Bundles) string {
	t.Helper()
	dir := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir:             &dir,
		AnalyticsReporting: new(false), // as in cdk.json
		Context:            &map[string]any{lookup(tier): "ami-0123456789abcdef0"},
	})
	New(app, tier, bundles)
	app.Synth(nil)
	return dir
}

// synthesized are the templates of environments as their files have them, by file and environment.
var synthesized = map[[2]string]map[string]string{}

// asConfigured are the templates of an environment as its file has it, by stack. It is synthesized once for all tests.
func asConfigured(t *testing.T, file, environment string) map[string]string {
	t.Helper()
	key := [2]string{file, environment}
	if synthesized[key] == nil {
		synthesized[key] = templates(t, synthesize(t, load(t, file, environment), standIn))
	}
	return maps.Clone(synthesized[key])
}

// lookup is the key under which cdk.context.json holds the AMI that a tier's SSM parameter names.
func lookup(tier *tierspec.Tier) string {
	env := tier.Environment
	return "ssm:account=" + env.Account + ":parameterName=" + env.BaseImage.SSMParameter + ":region=" + env.Region
}

// templates are the templates in a cloud assembly, by stack.
func templates(t *testing.T, assembly string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(assembly, "*.template.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates in %s: %v", assembly, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".template.json")] = string(text)
	}
	return texts
}
