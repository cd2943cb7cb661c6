// Command trials tries on real worker processes and a local AWS what once made the worker do harm: sick instances, hostile
// senders and programs, stuck logs, wrong clocks. Each trial is one line. It ends with one line more, and with status 1
// unless all have held.
//
//	go run ./test/trials [-only text] [-json] [-at-once 12] [-port 0]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
	"github.com/worker-tier/worker-tier/test/worker"
)

// errFailed says that not all trials have held; they are printed.
var errFailed = errors.New("not all trials have held")

func main() { stage.Main("trials", errFailed, run) }

// options are what the user chose and where things are.
type options struct {
	only   string
	json   bool
	atOnce int
	port   int
	root   string // of the project
	dir    string // everything that a run writes, but for temporary files
}

func readOptions(args []string) (options, error) {
	var o options
	var err error
	if o.root, err = localtier.ProjectRoot(); err != nil {
		return o, err
	}
	o.dir = filepath.Join(o.root, ".build", "trials")
	flags := flag.NewFlagSet("trials", flag.ContinueOnError)
	flags.StringVar(&o.only, "only", "", "try only those whose line has this text")
	flags.BoolVar(&o.json, "json", false, "print the results as JSON to standard output, and all else to standard error")
	flags.IntVar(&o.atOnce, "at-once", 12, "how many are tried at once: they wait more than they compute")
	flags.IntVar(&o.port, "port", 0, "of the local AWS; 0: a free one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.atOnce < 1 {
		return o, fmt.Errorf("-at-once %d: want at least 1", o.atOnce)
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the trials kill Linux processes and this is %s: run them in a Linux machine or container", runtime.GOOS)
	}
	unlock, err := localtier.OwnFolder(o.dir, "trials")
	if err != nil {
		return err
	}
	defer unlock()
	chosen := choose(worker.Trials(), o.only)
	if len(chosen) == 0 {
		return fmt.Errorf("no trial's line has the text %q", o.only)
	}
	s, err := stage.Start(ctx, o.dir, localaws.Options{Port: o.port})
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // it has a local AWS alone, whose stop has no error
	binary := filepath.Join(o.dir, "worker")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./worker")
	build.Dir = o.root
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./worker: %w\n%s", err, said)
	}
	worker.Prepare(binary, s.Server)
	results := tryAll(ctx, chosen, o, o.out())
	if ctx.Err() != nil {
		return errors.New("interrupted; everything that was started is stopped")
	}
	return o.report(results)
}

// choose returns the trials whose name has a text.
func choose(all []worker.Trial, text string) []worker.Trial {
	var chosen []worker.Trial
	for _, t := range all {
		if strings.Contains(t.Name, text) {
			chosen = append(chosen, t)
		}
	}
	return chosen
}

func (o options) out() io.Writer {
	if o.json {
		return os.Stderr
	}
	return os.Stdout
}

// tryAll tries some at once, and prints each when it ends. A trial that was interrupted shows nothing, and is not printed.
func tryAll(ctx context.Context, chosen []worker.Trial, o options, out io.Writer) []worker.Result {
	results := make([]worker.Result, len(chosen))
	ended := make(chan int)
	free := make(chan struct{}, o.atOnce)
	for n, t := range chosen {
		go func() {
			free <- struct{}{}
			defer func() { <-free }()
			results[n] = t.Run(ctx, o.dir)
			ended <- n
		}()
	}
	for range chosen {
		if n := <-ended; ctx.Err() == nil {
			fmt.Fprintln(out, line(results[n]))
		}
	}
	return results
}

func line(r worker.Result) string {
	if r.Held {
		return fmt.Sprintf("PASS %s: %s (%.1fs)", r.Name, r.Seen, r.Seconds)
	}
	return fmt.Sprintf("FAIL %s: %s (%.1fs; log: %s)", r.Name, r.Seen, r.Seconds, r.Log)
}

// report prints the last line.
func (o options) report(results []worker.Result) error {
	held := 0
	for _, r := range results {
		if r.Held {
			held++
		}
	}
	if o.json {
		if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.out(), "trials: %d/%d held\n", held, len(results))
	if held < len(results) {
		return errFailed
	}
	return nil
}
