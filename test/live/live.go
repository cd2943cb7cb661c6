package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
)

// errSurprised says that a change did not go as announced, or that a job was lost; what it was is printed.
var errSurprised = errors.New("not as announced")

// live is one run.
type live struct {
	options
	out io.Writer

	*stage.Stage
	project  project
	cdk      localtier.CDK
	deployed *localtier.Tier
	load     *load
	gate     *gate
	results  []result
}

// result is what came of a change.
type result struct {
	Change    string   `json:"change"`
	Diff      []string `json:"diff"`   // a line for each stack that differs
	Rolled    []string `json:"rolled"` // content types
	Announced bool     `json:"announced"`
	Seen      string   `json:"seen"` // or what was wrong
	Seconds   float64  `json:"seconds"`
}

func newLive(o options) *live {
	l := &live{options: o, out: os.Stdout}
	if o.json {
		l.out = os.Stderr
	}
	l.gate = &gate{live: l}
	return l
}

func (l *live) run(ctx context.Context) error {
	begin := time.Now()
	defer func() { _ = l.Stop() }() // after an error: its own is printed
	err := l.begin(ctx)
	if err == nil {
		err = l.underLoad(ctx)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; everything that was started is stopped")
	}
	if err != nil {
		return err
	}
	lost, err := l.load.judge(ctx)
	if err != nil {
		return err
	}
	return l.report(begin, lost)
}

// begin deploys the tier and starts its instances.
func (l *live) begin(ctx context.Context) error {
	fmt.Fprintf(l.out, "live: a tier through the changes of its life; everything is in %s\n", l.dir)
	var err error
	if l.project, err = newProject(ctx, l.root, filepath.Join(l.dir, "tier")); err != nil {
		return err
	}
	for program, pkg := range map[string]string{"app": "./stacks/app", "tier": "./cmd/tier"} {
		if err := build(ctx, l.root, l.program(program), pkg); err != nil {
			return err
		}
	}
	if err := os.Setenv("CDK_VALIDATION", "false"); err != nil { // which is half of a synth, and no subject here
		return err
	}
	if l.Stage, err = stage.Start(ctx, l.dir, localaws.Options{Port: l.port}); err != nil {
		return err
	}
	l.cdk = localtier.CDK{Root: l.root, Dir: l.dir, Server: l.Server, Config: l.project.file("worker-tier.yaml"), Environment: environment, App: l.program("app"), Project: l.project.dir}
	if err := l.cdk.Bootstrap(ctx); err != nil {
		return err
	}
	if err := l.cdk.Deploy(ctx, "--all"); err != nil {
		return err
	}
	if l.deployed, err = localtier.Find(ctx, l.AWS, tierName, environment); err != nil {
		return err
	}
	if err := l.Launch(ctx, localec2.Options{Start: l.gate.start}); err != nil {
		return err
	}
	if _, err = l.settled(ctx); err != nil {
		return err
	}
	l.load, err = newLoad(ctx, l)
	return err
}

// program is where begin has put a program of the project.
func (l *live) program(name string) string { return filepath.Join(l.dir, "bin", name) }

// underLoad makes the changes while jobs run.
func (l *live) underLoad(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	enough := make(chan struct{})
	for _, k := range kinds {
		group.Go(func() error { return l.load.keep(ctx, k, enough) })
	}
	group.Go(func() error {
		defer close(enough)
		for _, p := range parts {
			if len(l.only) > 0 && !slices.Contains(l.only, p.name) {
				continue
			}
			for _, c := range p.changes {
				if err := l.make(ctx, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return group.Wait()
}

// report prints the end.
func (l *live) report(begin time.Time, lost []string) error {
	announced := 0
	for _, r := range l.results {
		if r.Announced {
			announced++
		}
	}
	for _, text := range lost {
		fmt.Fprintln(l.out, "LOST", text)
	}
	count := map[string]int{}
	for _, j := range l.load.all {
		count[j.kind.contentType]++
	}
	var sent []string
	for _, k := range kinds {
		sent = append(sent, fmt.Sprintf("%d of %s", count[k.contentType], k.contentType))
	}
	fmt.Fprintf(l.out, "     jobs meanwhile: %s; took %s\n", strings.Join(sent, ", "), time.Since(begin).Round(time.Second))
	if l.json {
		if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"changes": l.results, "announced": announced, "jobs": count, "lost": lost}); err != nil {
			return err
		}
	}
	fmt.Fprintf(l.out, "live: %d/%d changes as announced, jobs lost=%d\n", announced, len(l.results), len(lost))
	if announced < len(l.results) || len(lost) > 0 {
		return errSurprised
	}
	return nil
}
