package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compile builds the worker's package for Linux.
//
// The go command decides whether there is anything to build: it starts from the last binary, in which it left
// a digest of every input (sources, embedded files, modules, flags, its own version), and leaves it alone where
// that digest is still the right one.
func compile(ctx context.Context, target string, p Props) error {
	last := filepath.Join(p.Dir, ".build", "worker", string(p.Architecture))
	_ = os.Link(last, target) // the go command replaces a file, it never writes into one; without a last one, all is built
	if err := goBuild(ctx, target, p.Dir, p.Worker.Package, "linux", string(p.Architecture)); err != nil {
		return err
	}
	_ = keep(target, last) // where a file system has no links, the next build links all again
	return nil
}

// keep links a binary to another path; who reads that meanwhile sees the old one or the new one.
func keep(binary, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(path), ".draft-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	link := filepath.Join(draft, filepath.Base(path))
	if err := os.Link(binary, link); err != nil {
		return err
	}
	return os.Rename(link, path)
}

// goBuild leaves the worker of a package in the project dir at target. Everything that could make two machines with the same Go differ is
// switched off or pinned.
func goBuild(ctx context.Context, target, dir, pkg, system, architecture string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", target, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture, "GOAMD64=v1", "GOARM64=v8.0",
		// Go takes an empty variable for one that is not set and then looks into its own environment
		// file; a value that says nothing new keeps that out.
		"GOFLAGS=-trimpath", "GOFIPS140=off", "GOEXPERIMENT=", "GOWORK=off")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build the worker %s: %w", pkg, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("build the worker %s: no Go toolchain on the PATH: install Go (https://go.dev/dl), or name a released binary with worker.file and worker.sha256", pkg)
	default:
		return fmt.Errorf("build the worker %s for %s/%s: %w:\n%s", pkg, system, architecture, err, strings.TrimSpace(out.String()))
	}
}

// machines are the ELF names of the architectures.
var machines = map[Architecture]elf.Machine{ARM64: elf.EM_AARCH64, AMD64: elf.EM_X86_64}

// copyReleased copies a released binary whose digest is the one that the config names.
func copyReleased(_ context.Context, target string, p Props) error {
	source := p.Worker.File
	if !filepath.IsAbs(source) {
		source = filepath.Join(p.Dir, source)
	}
	content, err := os.ReadFile(source)
	if err != nil {
		return fmt.Errorf("worker.file: %w", err)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, p.Worker.SHA256) {
		return fmt.Errorf("worker.file: %s has the SHA-256 %s, but worker.sha256 says %s: fetch the release again, or correct worker.sha256", p.Worker.File, got, p.Worker.SHA256)
	}
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("worker.file: %s is not a Linux program: %w", p.Worker.File, err)
	}
	if file.Machine != machines[p.Architecture] {
		return fmt.Errorf("worker.file: %s is built for %s, but the instance types are %s: name the release for linux/%s, or other instance types", p.Worker.File, file.Machine, p.Architecture, p.Architecture)
	}
	if err := os.WriteFile(target, content, 0o755); err != nil {
		return fmt.Errorf("copy the worker binary: %w", err)
	}
	return nil
}
