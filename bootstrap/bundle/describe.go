package bundle

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// ErrOtherMachine is wrapped by the error about a released binary that this machine cannot run.
var ErrOtherMachine = errors.New("the worker is for another machine")

// Describe asks a worker for its processors: its command "describe" prints them. A package in the project dir is built for
// this machine, under .build/, and only if it has changed. A released binary runs as it is.
func Describe(ctx context.Context, dir string, w tierspec.Worker) (contract.Description, error) {
	var d contract.Description
	binary, err := hostBinary(ctx, dir, w)
	if err != nil {
		return d, err
	}
	cmd := exec.CommandContext(ctx, binary, "describe")
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return d, fmt.Errorf("ask the worker for its processors (%s describe): %w: %s", binary, err, strings.TrimSpace(complaint.String()))
	}
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		return d, fmt.Errorf("ask the worker for its processors (%s describe): it did not print JSON: %w", binary, err)
	}
	return d, nil
}

// hostBinary is the path of the worker for this machine.
func hostBinary(ctx context.Context, dir string, w tierspec.Worker) (string, error) {
	if w.File != "" {
		path := w.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return path, runsHere(path)
	}
	path, err := filepath.Abs(filepath.Join(dir, ".build", "worker", "host-"+runtime.GOOS+"-"+runtime.GOARCH))
	if err != nil {
		return "", fmt.Errorf("find the folder of the worker: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make the folder of the worker: %w", err)
	}
	return path, goBuild(ctx, path, dir, w.Package, runtime.GOOS, runtime.GOARCH)
}

// runsHere says why a released binary, which is for Linux, cannot run on this machine.
func runsHere(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is not a Linux program: %w", path, err)
	}
	defer func() { _ = file.Close() }()
	if runtime.GOOS != "linux" || file.Machine != machines[Architecture(runtime.GOARCH)] {
		return fmt.Errorf("%s (%s) cannot run on %s/%s: %w", path, file.Machine, runtime.GOOS, runtime.GOARCH, ErrOtherMachine)
	}
	return nil
}
