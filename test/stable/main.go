// Command stable synthesises every environment of the working tree twice, in two folders that differ in all
// that must not matter, and compares what is written byte by byte; then it adds a content type.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/stage"
)

// limit bounds the whole run; it takes about two minutes where the machine has nothing else to do.
const limit = time.Hour

// environments are all of the two configurations in the tree, the project's own and the one of the golden
// templates.
var environments = []environment{
	{"worker-tier.yaml", "local"}, {"worker-tier.yaml", "dev"}, {"worker-tier.yaml", "prod"},
	{"stacks/testdata/worker-tier.yaml", "prod"}, {"stacks/testdata/worker-tier.yaml", "lab"},
}

type environment struct{ config, name string }

func (e environment) folder() string {
	return strings.NewReplacer("/", "-", ".yaml", "").Replace(e.config) + "-" + e.name
}

func main() { stage.Main("stable", nil, run) }

func run(ctx context.Context, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, ".build", "stable")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	here, there := tree{dir: filepath.Join(dir, "here")}, tree{dir: filepath.Join(dir, "far", "away"), strange: true}
	for _, t := range []tree{here, there} {
		if err := t.copyFrom(ctx, root); err != nil {
			return err
		}
	}
	app := filepath.Join(dir, "app")
	build := exec.CommandContext(ctx, "go", "build", "-o", app, "./stacks/app")
	build.Dir = here.dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the app: %w\n%s", err, out)
	}
	var total, identical int
	var errs []error
	for _, e := range environments {
		files := make([]map[string]string, 2)
		for i, t := range []tree{here, there} {
			if files[i], err = t.synthesize(ctx, app, e, e.folder()); err != nil {
				return err
			}
		}
		differing := difference(files[0], files[1])
		for _, name := range differing {
			errs = append(errs, fmt.Errorf("%s: %s differs between two folders", e.folder(), name))
		}
		n := templatesIn(slices.Collect(maps.Keys(files[0])))
		total, identical = total+n, identical+n-templatesIn(differing)
		fmt.Printf("     %s: %d files of which %d templates, %d differ\n", e.folder(), len(files[0]), n, len(differing))
	}
	touched, err := here.addType(ctx, app, environments[2])
	if err != nil {
		return err
	}
	if len(touched) != 1 {
		errs = append(errs, fmt.Errorf("a new content type touches %d templates, want its own: %s", len(touched), touched))
	}
	fmt.Printf("stable: templates=%d identical=%d/%d added_type_touches=%d\n", total, identical, total, len(touched))
	return errors.Join(errs...)
}
