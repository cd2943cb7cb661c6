package life

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/tierspec"
)

//go:embed tier.yaml
var tierFile string

const environment = "life"

// tier is the tier as it is synthesised: its configuration and the folder of its cloud assembly.
type tier struct {
	config   *tierspec.Tier
	worker   string // the worker binary, for operators
	assembly string
}

// synthesize writes the tier's configuration, program and cloud assembly under dir. The instance types are
// of this machine's architecture: the deployed worker is to run here.
func synthesize(ctx context.Context, root, dir string) (tier, error) {
	up, err := filepath.Rel(dir, root)
	if err != nil {
		return tier{}, err
	}
	kind := "m7i.large"
	if runtime.GOARCH == "arm64" {
		kind = "m7g.large"
	}
	file := filepath.Join(dir, "tier.yaml")
	text := strings.NewReplacer("ROOT", filepath.ToSlash(up), "TYPE", kind).Replace(tierFile)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return tier{}, err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return tier{}, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "program", "program"), "./test/policy/life/program")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return tier{}, fmt.Errorf("build the content type's program: %w\n%s", err, out)
	}
	t := tier{assembly: filepath.Join(dir, "cdk.out")}
	if t.config, _, err = config.Load(file, environment); err != nil {
		return tier{}, err
	}
	bundles, err := stacks.BuildBundles(ctx, t.config)
	if err != nil {
		return tier{}, err
	}
	t.worker = filepath.Join(bundles[t.config.ContentTypes[0].Architecture].Dir, "bin", "worker")
	app := awscdk.NewApp(&awscdk.AppProps{
		Outdir: &t.assembly, AnalyticsReporting: new(false),
		// The local AWS refuses what the bootstrapped publishing role may do; the roles of the tier are untouched by this.
		DefaultStackSynthesizer: awscdk.NewCliCredentialsStackSynthesizer(nil),
	})
	stacks.New(app, t.config, bundles)
	app.Synth(nil)
	return t, nil
}

// deploy deploys the assembly with the stock CDK command line.
func (t tier) deploy(ctx context.Context, root string, server *localaws.Server) error {
	dir := filepath.Dir(t.assembly) // not beside the project's cdk.json
	cdk := localtier.CDK{Root: root, Dir: dir, Project: dir, Server: server, App: t.assembly}
	if err := cdk.Bootstrap(ctx); err != nil {
		return err
	}
	return cdk.Deploy(ctx, "--all")
}
