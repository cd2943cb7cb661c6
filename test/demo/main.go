// Command demo shows the whole worker tier on one machine: it deploys every stack to a local AWS with
// the stock CDK command line, starts instances that run what is deployed, and checks what the tier
// claims of itself. Each claim is printed as PASS or FAIL; the exit status is 0 if all hold.
//
//	go run ./test/demo         run it (PORT=4566 of the local AWS; KEEP=1 leaves the tier running; INSTANCES=machines
//	                           boots real machines, which needs root)
//	go run ./test/demo stop    stop what KEEP=1 left running
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, errClaims) { // which is printed already
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	o, err := readOptions(os.Getenv)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "stop":
		return stopKept(o)
	case len(args) == 1 && args[0] == background:
		return serveBackground(ctx, o)
	case len(args) > 0:
		return fmt.Errorf("unknown argument %q: there is only stop", args[0])
	}
	if err := checkMachine(o); err != nil {
		return err
	}
	if o.keep {
		return runInBackground(ctx, o)
	}
	if err := emptyDir(o); err != nil {
		return err
	}
	return newDemo(o).run(ctx, nil)
}
