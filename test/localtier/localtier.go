// Package localtier is what programs need that deploy a tier to the local AWS and look at it from outside:
// the stock CDK command line, the deployed table and groups, and what was left running.
package localtier

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ProjectRoot is the folder with go.mod, at the working directory or above.
func ProjectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return root, nil
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("no go.mod in %s or above it: run this inside the project", dir)
		}
	}
}

// pollInterval is how often a condition is looked at.
const pollInterval = 20 * time.Millisecond

// Await waits until holds says so. It polls; the time limit is for when something is broken.
func Await(ctx context.Context, what string, limit time.Duration, holds func(context.Context) (bool, error)) error {
	return AwaitEvery(ctx, pollInterval, what, limit, holds)
}

// AwaitEvery is [Await] with the time between two looks, for what must not be asked often.
func AwaitEvery(ctx context.Context, interval time.Duration, what string, limit time.Duration, holds func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %s for %s", limit, what))
	defer cancel()
	for {
		ok, err := holds(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("while waiting for %s: %w", what, err)
		case ok:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(interval):
		}
	}
}

// Leftovers are the processes whose program, working folder, arguments or environment lie in dir.
func Leftovers(dir string) ([]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var left []string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		proc := filepath.Join("/proc", entry.Name())
		executable, _ := os.Readlink(filepath.Join(proc, "exe")) // what may not be read, or has ended, is not ours
		folder, _ := os.Readlink(filepath.Join(proc, "cwd"))
		arguments, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(proc, "environ"))
		about := bytes.Join([][]byte{[]byte(executable), []byte(folder), arguments, environ}, []byte{0})
		if executable != "" && bytes.Contains(about, []byte(dir+"/")) {
			left = append(left, fmt.Sprintf("%d (%s)", pid, strings.TrimSpace(string(bytes.ReplaceAll(arguments, []byte{0}, []byte(" "))))))
		}
	}
	return left, nil
}
