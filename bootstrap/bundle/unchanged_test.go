package bundle_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

const arch = bundle.ARM64

// linked is a project whose worker has every kind of input, and that has been built.
func linked(t *testing.T) string {
	t.Helper()
	dir := project(t)
	write(t, filepath.Join(dir, "go.mod"), "module example.com/tier\n\ngo 1.26\n\nrequire example.com/other v1.0.0\n\nreplace example.com/other => ./other\n")
	write(t, filepath.Join(dir, "worker", "main.go"), "package main\n\nimport (\n\t_ \"embed\"\n\n\t\"example.com/other\"\n)\n\n//go:embed text\nvar text string\n\nfunc main() { println(text, other.Name) }\n")
	write(t, filepath.Join(dir, "worker", "text"), "one")
	write(t, filepath.Join(dir, "other", "go.mod"), "module example.com/other\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "other", "other.go"), "package other\n\nvar Name = \"one\"\n")
	build(t, dir, arch)
	return dir
}

// stat is the file of a path as it stands now: another one once it was written again.
func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestNothingIsMadeAgainWhereNothingChanged(t *testing.T) {
	dir := linked(t)
	first, err := bundle.Build(t.Context(), props(dir))
	if err != nil {
		t.Fatal(err)
	}
	worker := filepath.Join(dir, ".build", "worker", string(arch))
	built, packed := stat(t, worker), stat(t, first.Archive.Path)
	now := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "worker", "main.go"), now, now); err != nil { // as a checkout does it
		t.Fatal(err)
	}
	again, err := bundle.Build(t.Context(), props(dir))
	if err != nil {
		t.Fatal(err)
	}
	if again != first {
		t.Errorf("the second bundle is %v, the first %v", again, first)
	}
	if !os.SameFile(built, stat(t, worker)) {
		t.Error("the worker was linked again")
	}
	if !os.SameFile(packed, stat(t, first.Archive.Path)) {
		t.Error("the bundle was packed again")
	}
}

func props(dir string) bundle.Props {
	return bundle.Props{Dir: dir, Worker: tierspec.Worker{Package: "./worker"}, Architecture: arch}
}

// The worker is never a stale one: whatever it is made of changes the bundle.
func TestEveryInputCounts(t *testing.T) {
	for name, change := range map[string]func(dir string){
		"source": func(dir string) {
			write(t, filepath.Join(dir, "worker", "more.go"), "package main\n\nfunc init() { println(\"two\") }\n")
		},
		"embedded file": func(dir string) { write(t, filepath.Join(dir, "worker", "text"), "two") },
		"dependency": func(dir string) {
			write(t, filepath.Join(dir, "other", "other.go"), "package other\n\nvar Name = \"two\"\n")
		},
		"dependency removed": func(dir string) {
			write(t, filepath.Join(dir, "worker", "main.go"), "package main\n\nfunc main() {}\n")
		},
		"go.mod": func(dir string) {
			write(t, filepath.Join(dir, "go.mod"), "module example.com/tier\n\ngo 1.26\n\ngodebug panicnil=1\n\nrequire example.com/other v1.0.0\n\nreplace example.com/other => ./other\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := linked(t)
			first := build(t, dir, arch)
			change(dir)
			second := build(t, dir, arch)
			if first == second || contents(t, first)["bin/worker"] == contents(t, second)["bin/worker"] {
				t.Errorf("the change does not show: %s, %s", first, second)
			}
		})
	}
}

// A last binary of the same sources that was made in another way is not taken for the right one.
func TestTheWayToBuildCounts(t *testing.T) {
	// Says for the linker, and runs it as it is, that it comes from another version of Go.
	otherGo := filepath.Join(t.TempDir(), "other-go")
	if err := os.WriteFile(otherGo, []byte("#!/bin/sh\ncase \"$1 $2\" in */link\\ -V=full) echo 'link version go1.26.0' ;; *) exec \"$@\" ;; esac\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ args, env []string }{
		"flags":        {args: []string{"-trimpath", "-buildvcs=false"}},
		"tags":         {args: []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags=other"}},
		"architecture": {args: []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"}, env: []string{"GOARCH=amd64"}},
		"Go":           {args: []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-toolexec=" + otherGo}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := linked(t)
			want := build(t, dir, arch)
			worker := filepath.Join(dir, ".build", "worker", string(arch))
			if err := os.Remove(worker); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", worker}, c.args...), "./worker")...)
			cmd.Dir = dir
			cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0", "GOFLAGS=-trimpath", "GOWORK=off"), c.env...)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			other := stat(t, worker)
			if got := build(t, dir, arch); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			if os.SameFile(other, stat(t, worker)) {
				t.Error("the worker was not linked again")
			}
		})
	}
}
