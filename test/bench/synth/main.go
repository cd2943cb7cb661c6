// Command synth times the synthesis of the tier against the same resources written in plain JavaScript
// CDK (test/bench/twin), side by side, and counts the messages that cross the bridge between Go and the
// CDK. Run it with make bench-synth.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/bench/twin"
	"github.com/worker-tier/worker-tier/tierspec"
)

// sizes are the numbers of content types that are timed, with what the Go program may take as a multiple of
// the twin's time. A miss is printed and fails nothing: on a machine that others use, too, both ratios move by more
// than what the aim is about (seen: 0.96 and 1.16 of processor time within an hour).
var sizes = []struct {
	types int
	aim   float64
}{{7, 1.05}, {100, 1.5}}

func main() {
	rounds := flag.Int("rounds", 5, "how often each program is timed")
	flag.Parse()
	if err := run(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench-synth:", err)
		os.Exit(1)
	}
}

func run(rounds int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	for _, size := range sizes {
		if err := b.compare(ctx, rounds, size.types, size.aim); err != nil {
			return err
		}
	}
	if err := b.printMessages(ctx); err != nil {
		return err
	}
	return b.printSizes(ctx)
}

// compare times both programs and prints the ratios of their times.
func (b *bench) compare(ctx context.Context, rounds, types int, aim float64) error {
	input := filepath.Join(b.dir, "input.json")
	tier := *b.tier
	twin.Repeat(&tier, types)
	if err := twin.WriteInput(input, &tier, b.bundles); err != nil {
		return err
	}
	ours := func(out string) command { return b.ours(out, types) }
	theirs := func(out string) command {
		return command{args: []string{"node", filepath.Join("test", "bench", "twin", "app.js")}, out: out, env: []string{twin.InputVariable + "=" + input}}
	}
	a, t, err := b.race(ctx, rounds, ours, theirs)
	if err != nil {
		return err
	}
	fmt.Printf("synth of %d content types, warm, %d rounds in turn, median [fastest, slowest]:\n", types, rounds)
	fmt.Printf("  Go program        %s\n  plain JavaScript  %s\n", a, t)
	// By round, because a round's two runs share whatever else the machine did.
	wall, cpu := ratios(a.wall, t.wall).median(), ratios(a.cpu, t.cpu).median()
	verdict := "met"
	if wall > aim {
		verdict = "NOT met"
	}
	fmt.Printf("  median of the rounds' ratios: %.2f of elapsed time (aim %.2f: %s), %.2f of processor time\n", wall, aim, verdict, cpu)
	return nil
}

// bench is what all measurements share.
type bench struct {
	dir     string // for what the programs write; removed at the end
	program string // the Go program, built
	tier    *tierspec.Tier
	bundles stacks.Bundles
}

const (
	configFile  = "worker-tier.yaml"
	environment = "local"
)

// prepare builds the Go program and the bundles that both programs use.
func prepare(ctx context.Context) (*bench, error) {
	tier, _, err := config.Load(configFile, environment)
	if err != nil {
		return nil, err
	}
	bundles, err := stacks.BuildBundles(ctx, tier)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-synth-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, program: filepath.Join(dir, "app"), tier: tier, bundles: bundles}
	if _, err := (command{args: []string{"go", "build", "-o", b.program, "./test/bench/app"}, out: dir}).run(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// ours is the Go program, to define a number of content types.
func (b *bench) ours(out string, types int) command {
	bundles, _ := json.Marshal(b.bundles) // plain data always marshals
	return command{args: []string{b.program, configFile, environment, fmt.Sprint(types), string(bundles)}, out: out}
}

// printMessages counts the messages between Go and the CDK for few and for many content types.
func (b *bench) printMessages(ctx context.Context) error {
	few, many := sizes[0].types, sizes[1].types
	counts := map[int]int{}
	for _, types := range []int{few, many} {
		cmd := b.ours(filepath.Join(b.dir, "messages"), types)
		cmd.env = append(cmd.env, "JSII_DEBUG=1")
		n, err := cmd.countMessages(ctx)
		if err != nil {
			return err
		}
		counts[types] = n
	}
	fmt.Println("jsii messages, requests from Go to the CDK:")
	for _, types := range []int{few, many} {
		fmt.Printf("  %3d content types: %5d in all, %.1f per content type\n", types, counts[types], float64(counts[types])/float64(types))
	}
	fmt.Printf("  each further content type: %.1f\n", float64(counts[many]-counts[few])/float64(many-few))
	return nil
}

// printSizes builds the worker for both architectures and says how large it is.
func (b *bench) printSizes(ctx context.Context) error {
	const limit = 30 // MB
	for _, architecture := range []bundle.Architecture{bundle.ARM64, bundle.AMD64} {
		built, err := bundle.Build(ctx, bundle.Props{Dir: b.tier.Dir, Worker: b.tier.Worker, Architecture: architecture})
		if err != nil {
			return err
		}
		info, err := os.Stat(filepath.Join(built.Dir, "bin", "worker"))
		if err != nil {
			return err
		}
		fmt.Printf("worker for linux/%s: %.1f MB (bar %d)\n", architecture, float64(info.Size())/1e6, limit)
	}
	return nil
}
