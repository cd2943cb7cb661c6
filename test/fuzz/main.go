// Command fuzz runs every fuzz target of this module, one after the other, each for the same time, and ends with
//
//	fuzz: targets=N executions=N failures=0
//
// What it finds is written into the target's corpus (testdata/fuzz/<target>), to be committed with the mending.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// target is a fuzz function.
type target struct {
	folder string
	name   string
}

var (
	declaration = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(`)
	executions  = regexp.MustCompile(`execs: (\d+)`)
	found       = regexp.MustCompile(`Failing input`)
	// timeUp is how go test can fail without having found anything: https://github.com/golang/go/issues/75804,
	// mended in Go 1.27.
	timeUp = regexp.MustCompile(`(?m)^--- FAIL: Fuzz\w+ \([0-9.]+s\)\n\s+context deadline exceeded$`)
)

func main() {
	each := flag.Duration("time", 10*time.Second, "how long each target is run")
	flag.Parse()
	if err := run(*each); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(each time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	targets, err := find()
	if err != nil {
		return err
	}
	total, failed := 0, 0
	for _, t := range targets {
		n, err := t.run(ctx, each)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		total += n
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed++
		}
		fmt.Printf("%-60s %9d executions%s\n", t, n, map[bool]string{true: "  FAILED"}[err != nil])
	}
	fmt.Printf("fuzz: targets=%d executions=%d failures=%d\n", len(targets), total, failed)
	if failed > 0 || len(targets) == 0 {
		return fmt.Errorf("%d of %d targets failed", failed, len(targets))
	}
	return nil
}

func (t target) String() string { return t.folder + " " + t.name }

// find reads the targets out of the source: compiling every package to ask it takes minutes.
func find() ([]target, error) {
	var targets []target
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range declaration.FindAllSubmatch(text, -1) {
			targets = append(targets, target{"./" + filepath.ToSlash(filepath.Dir(path)), string(match[1])})
		}
		return err
	})
	return targets, err
}

// run runs one target and returns how many inputs it was given.
func (t target) run(ctx context.Context, each time.Duration) (int, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), "-fuzzminimizetime=1s", t.folder)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go test ends its workers
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if timeUp.Match(out) && !found.Match(out) {
		err = nil
	}
	if err != nil {
		fmt.Printf("%s", out)
	}
	n := 0
	if all := executions.FindAllSubmatch(out, -1); len(all) > 0 {
		n, _ = strconv.Atoi(string(all[len(all)-1][1])) // digits
	}
	if n == 0 && err == nil {
		return 0, fmt.Errorf("%s: no execution within %s: %s", t, each, bytes.TrimSpace(out))
	}
	return n, err
}
