package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

const (
	tierName    = "live-tier"
	environment = "local"
)

//go:embed worker-tier.yaml
var original string

// project is the folder of a user who changes a tier: its configuration, the released worker and a program for exec.
type project struct{ dir string }

func (p project) file(name string) string { return filepath.Join(p.dir, name) }

// edit replaces texts of the configuration, in pairs, and reads the result as the app will.
func (p project) edit(pairs ...string) error {
	text, err := os.ReadFile(p.file("worker-tier.yaml"))
	if err != nil {
		return err
	}
	changed := string(text)
	for n := 0; n < len(pairs); n += 2 {
		if !strings.Contains(changed, pairs[n]) {
			return fmt.Errorf("no %q in %s", pairs[n], p.file("worker-tier.yaml"))
		}
		changed = strings.ReplaceAll(changed, pairs[n], pairs[n+1])
	}
	if err := p.write("worker-tier.yaml", changed); err != nil {
		return err
	}
	_, _, err = config.Load(p.file("worker-tier.yaml"), environment)
	return err
}

func (p project) write(name, text string) error {
	path := p.file(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// releases are the worker's binaries that the tier goes through. The second is the first with a line at its end, which
// changes its digest and nothing that it does; broken never passes its check.
var releases = []string{"first", "second", "third", "broken"}

// newProject lays the project out, with all releases.
func newProject(ctx context.Context, root, dir string) (project, error) {
	p := project{dir}
	built, err := bundle.Build(ctx, bundle.Props{Dir: root, Worker: tierspec.Worker{Package: "./test/chaos/worker"}, Architecture: bundle.Architecture(runtime.GOARCH)})
	if err != nil {
		return p, err
	}
	worker, err := os.ReadFile(filepath.Join(built.Dir, "bin", "worker"))
	if err != nil {
		return p, err
	}
	if err := os.MkdirAll(p.file("releases"), 0o755); err != nil {
		return p, err
	}
	for n, name := range releases[:3] {
		binary := slices.Concat(worker, []byte(strings.Repeat("\nanother release", n)))
		if err := os.WriteFile(p.release(name), binary, 0o755); err != nil {
			return p, err
		}
	}
	if err := build(ctx, root, p.release("broken"), "./test/live/broken"); err != nil {
		return p, err
	}
	program, err := os.ReadFile(filepath.Join(root, "examples", "inventory", "inventory.py"))
	if err != nil {
		return p, err
	}
	if err := p.write("listing/inventory.py", string(program)); err != nil {
		return p, err
	}
	instanceType := map[string]string{"amd64": "m7i.large", "arm64": "m7g.large"}[runtime.GOARCH]
	sum, err := p.digest("first")
	if err != nil {
		return p, err
	}
	text := strings.NewReplacer("RELEASE", "releases/first", "SHA256", sum, "INSTANCE_TYPE", instanceType).Replace(original)
	return p, p.write("worker-tier.yaml", text)
}

func (p project) release(name string) string { return p.file(filepath.Join("releases", name)) }

func (p project) digest(release string) (string, error) {
	text, err := os.ReadFile(p.release(release))
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// use puts another release into the configuration.
func (p project) use(before, after string) error {
	old, err := p.digest(before)
	if err != nil {
		return err
	}
	sum, err := p.digest(after)
	if err != nil {
		return err
	}
	return p.edit("releases/"+before, "releases/"+after, old, sum)
}

// build builds a program of the project, statically, as a release is.
func build(ctx context.Context, root, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, said)
	}
	return nil
}
