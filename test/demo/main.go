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
	"fmt"
	"os"

	"github.com/worker-tier/worker-tier/test/stage"
)

func main() { stage.Main("demo", errClaims, run) }

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
