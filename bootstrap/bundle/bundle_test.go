package bundle_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

// project writes a small module with a program at ./worker and returns its folder.
func project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/tier\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "worker", "main.go"), "package main\n\nfunc main() { println(\"worker\") }\n")
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, dir string, arch bundle.Architecture) string {
	t.Helper()
	out, err := bundle.Build(t.Context(), bundle.Props{Dir: dir, Worker: tierspec.Worker{Package: "./worker"}, Architecture: arch})
	if err != nil {
		t.Fatal(err)
	}
	return out.Dir
}

// contents maps each file under dir to its mode and digest.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		sum := sha256.Sum256(content)
		files[filepath.ToSlash(name)] = info.Mode().String() + " " + hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBundleIsTheSameInEveryFolder(t *testing.T) {
	for _, arch := range []bundle.Architecture{bundle.ARM64, bundle.AMD64} {
		t.Run(string(arch), func(t *testing.T) {
			here, there := project(t), project(t)
			first := build(t, here, arch)
			firstArchive := archives(t, first)
			// Another machine's Go settings must not show either.
			t.Setenv("GOFLAGS", "-tags=other")
			t.Setenv("GOAMD64", "v3")
			t.Setenv("GOARM64", "v9.0")
			t.Setenv("CGO_ENABLED", "1")
			second := build(t, there, arch)
			if diff := cmp.Diff(contents(t, first), contents(t, second)); diff != "" {
				t.Errorf("two folders, two bundles (-first +second):\n%s", diff)
			}
			if filepath.Base(first) != filepath.Base(second) {
				t.Errorf("names differ: %s, %s", first, second)
			}
			if diff := cmp.Diff(firstArchive, archives(t, second)); diff != "" {
				t.Errorf("two folders, two archives (-first +second):\n%s", diff)
			}
			files := contents(t, first)
			if !strings.HasPrefix(files["bin/worker"], "-rwxr-xr-x ") || !strings.HasPrefix(files["cookbooks/worker/metadata.rb"], "-rw-r--r-- ") || !strings.HasPrefix(files["THIRD-PARTY.txt"], "-rw-r--r-- ") {
				t.Errorf("content or modes: %v", files)
			}
		})
	}
}

// archives are those beside a bundle's folder, by name.
func archives(t *testing.T, dir string) map[string]string {
	t.Helper()
	return contents(t, filepath.Join(filepath.Dir(dir), "archives"))
}

func TestBuildsAtTheSameTime(t *testing.T) {
	dir := project(t)
	var group sync.WaitGroup
	built, errs := make([]bundle.Bundle, 4), make([]error, 4)
	for i := range built {
		group.Go(func() {
			built[i], errs[i] = bundle.Build(t.Context(), bundle.Props{Dir: dir, Worker: tierspec.Worker{Package: "./worker"}, Architecture: bundle.AMD64})
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, ".build", "bundle"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Name() != filepath.Base(built[0].Dir) || entries[1].Name() != "archives" {
		t.Errorf("want only %s and archives, got %v", built[0].Dir, entries)
	}
	if left := archives(t, built[0].Dir); len(left) != 1 {
		t.Errorf("want one archive, got %v", left)
	}
}

func TestReleasedBinary(t *testing.T) {
	dir := project(t)
	released, err := os.ReadFile(filepath.Join(build(t, dir, bundle.ARM64), "bin", "worker"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "release"), string(released))
	sum := sha256.Sum256(released)
	got, err := bundle.Build(t.Context(), bundle.Props{
		Dir: dir, Architecture: bundle.ARM64,
		Worker: tierspec.Worker{File: "release", SHA256: hex.EncodeToString(sum[:])},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, build(t, dir, bundle.ARM64)), contents(t, got.Dir)); diff != "" {
		t.Errorf("built and released bundles differ:\n%s", diff)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	dir := project(t)
	write(t, filepath.Join(dir, "broken", "main.go"), "package main\n\nfunc main() { undefined() }\n")
	write(t, filepath.Join(dir, "text"), "not a program")
	armed, err := os.ReadFile(filepath.Join(build(t, dir, bundle.ARM64), "bin", "worker"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "armed"), string(armed))
	digest := func(content []byte) string {
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:])
	}
	for name, c := range map[string]struct {
		worker tierspec.Worker
		path   string // of the go command; "": as it is
		want   []string
	}{
		"build fails":        {worker: tierspec.Worker{Package: "./broken"}, want: []string{"./broken", "linux/amd64", "undefined: undefined"}},
		"no package":         {worker: tierspec.Worker{Package: "./none"}, want: []string{"./none", "linux/amd64"}},
		"no toolchain":       {worker: tierspec.Worker{Package: "./worker"}, path: t.TempDir(), want: []string{"no Go toolchain", "install Go"}},
		"no file":            {worker: tierspec.Worker{File: "none"}, want: []string{"worker.file", "none", "no such file"}},
		"wrong digest":       {worker: tierspec.Worker{File: "text", SHA256: digest(armed)}, want: []string{"worker.sha256", digest(armed), digest([]byte("not a program"))}},
		"not a program":      {worker: tierspec.Worker{File: "text", SHA256: digest([]byte("not a program"))}, want: []string{"text is not a Linux program"}},
		"other architecture": {worker: tierspec.Worker{File: "armed", SHA256: digest(armed)}, want: []string{"EM_AARCH64", "linux/amd64"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			_, err := bundle.Build(t.Context(), bundle.Props{Dir: dir, Worker: c.worker, Architecture: bundle.AMD64})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not mention %q", err, want)
				}
			}
		})
	}
	if drafts, _ := filepath.Glob(filepath.Join(dir, ".build", "bundle", ".draft-*")); len(drafts) > 0 {
		t.Errorf("left behind: %v", drafts)
	}
}

func TestCancelledBuildSaysWhy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted by the user")
	cancel(stop)
	_, err := bundle.Build(ctx, bundle.Props{Dir: project(t), Worker: tierspec.Worker{Package: "./worker"}, Architecture: bundle.AMD64})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
}
