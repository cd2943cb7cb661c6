// Command bench measures the worker beside what a Go team would use instead, on one local AWS and in one run:
// the same jobs, the same number of slots, the same lease, all traffic through the same meter. What each peer does less
// or more stands in its program (../gocloud, ../machinery). Run it with make bench.
//
// Each figure is one line: bench: <name> <value> <unit>. A peer's begins with its name. The local AWS answers faster
// than AWS and on the same processors: counts, units and ratios carry over, seconds do not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// part of the benchmark.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts in their order: those that need quiet processors come before those that mostly wait.
var parts = []part{
	{"short", (*bench).short},
	{"cpu", (*bench).cpu},
	{"latency", (*bench).latency},
	{"idle", (*bench).idle},
	{"drain", (*bench).drain},
	{"scale", (*bench).scale},
	{"long", (*bench).long},
}

func main() {
	only := flag.String("only", "", "the parts to run, separated by commas: "+strings.Join(names(), ", ")+" (default: all)")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() []string {
	all := make([]string, len(parts))
	for i, p := range parts {
		all[i] = p.name
	}
	return all
}

func run(only string) error {
	chosen := names()
	if only != "" {
		chosen = strings.Split(only, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("no part %q: the parts are %s", name, strings.Join(names(), ", "))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := localtier.ProjectRoot()
	if err != nil {
		return err
	}
	tier, _, err := config.Load(filepath.Join(root, "test", "bench", "peers", "bench", "worker-tier.yaml"), "local")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left in the temporary folder does no harm
	server, err := localaws.Start(ctx, localaws.Options{Dir: filepath.Join(dir, "aws")})
	if err != nil {
		return err
	}
	defer server.Stop()
	cfg, err := server.AWSConfig(ctx)
	if err != nil {
		return err
	}
	b := &bench{server: server, aws: cfg, dir: dir, programs: filepath.Join(root, ".build", "bench"), defaults: tier.ContentTypes[0], out: os.Stdout}
	for _, p := range parts {
		if slices.Contains(chosen, p.name) {
			if err := p.run(b, ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return errors.Join(b.missed...)
}
