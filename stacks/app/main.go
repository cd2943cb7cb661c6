// Command app is what the CDK command line runs (see cdk.json): it reads worker-tier.yaml and writes the
// templates of one environment. A mistake in the file is reported before a Node process exists.
//
//	cdk synth -c env=prod [-c config=other.yaml]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

func main() {
	if err := run(os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(stderr io.Writer) error {
	chosen, err := choose(os.Getenv)
	if err != nil {
		return err
	}
	tier, warnings, err := config.Load(chosen.Config, chosen.Environment)
	for _, w := range warnings {
		_, _ = fmt.Fprintln(stderr, "warning:", w)
	}
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no node on the PATH: the CDK needs Node.js, install a release that is still maintained (https://nodejs.org)")
	}
	return synthesize(context.Background(), tier)
}

// synthesize builds the workers while the CDK's Node process starts.
func synthesize(ctx context.Context, tier *tierspec.Tier) error {
	type result struct {
		bundles stacks.Bundles
		err     error
	}
	built := make(chan result, 1)
	go func() {
		bundles, err := stacks.BuildBundles(ctx, tier)
		built <- result{bundles, err}
	}()
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	build := <-built
	if build.err != nil {
		return build.err
	}
	stacks.New(app, tier, build.bundles)
	app.Synth(nil)
	return nil
}
