// Command app is the Go program that the benchmark times: what ./stacks/app does, with bundles that are
// already built, because the twin builds none either.
//
//	app CONFIG ENVIRONMENT TYPES BUNDLES, where BUNDLES is JSON: architecture → folder
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/bench/twin"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("want 4 arguments, got %d", len(args))
	}
	tier, _, err := config.Load(args[0], args[1])
	if err != nil {
		return err
	}
	types, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("number of content types: %w", err)
	}
	var bundles stacks.Bundles
	if err := json.Unmarshal([]byte(args[3]), &bundles); err != nil {
		return fmt.Errorf("bundles: %w", err)
	}
	twin.Repeat(tier, types)
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stacks.New(app, tier, bundles)
	app.Synth(nil)
	return nil
}
