//go:build releases

// Package releases runs two releases of the worker side by side on one table and one queue: this one, and
// the one before, built from the commit in the file "previous".
package releases

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// The binaries of both releases; the cursors of raised have a version that the others cannot read.
var previous, current, raised string

func TestMain(m *testing.M) {
	code, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer func() { _ = os.RemoveAll(code) }() // what is left in the temporary folder does no harm
	os.Exit(localaws.Shared(m))
}

// build makes both binaries in a folder of its own.
func build() (dir string, err error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile("previous")
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(text))
	if dir, err = os.MkdirTemp("", "releases-"); err != nil {
		return "", err
	}
	old := filepath.Join(dir, "source")
	if err := os.Mkdir(old, 0o755); err != nil {
		return dir, err
	}
	archive := filepath.Join(dir, "source.tar")
	if err := run(root, "git", "archive", "--output", archive, commit); err != nil {
		return dir, fmt.Errorf("the release before (test/releases/previous) is not in this repository's history: in a shallow clone run git fetch --unshallow: %w", err)
	}
	if err := run(old, "tar", "xf", archive); err != nil {
		return dir, err
	}
	if err := os.CopyFS(filepath.Join(old, "test", "releases", "worker"), os.DirFS("worker")); err != nil {
		return dir, err
	}
	for _, b := range []struct {
		binary                     *string
		name, tags, source, linker string
	}{
		{&previous, "previous", "previous", old, "-X main.version=1 -X main.release=previous"},
		{&current, "current", "", root, "-X main.version=1 -X main.release=current"},
		{&raised, "raised", "", root, "-X main.version=2 -X main.release=current"},
	} {
		*b.binary = filepath.Join(dir, b.name)
		if err := run(b.source, "go", "build", "-tags", b.tags, "-ldflags", b.linker, "-o", *b.binary, "./test/releases/worker"); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
