// Command sandbox shows on AWS what only AWS can show of the tier: alarms that act, lifecycle hooks, an instance
// refresh and the roll back of a bad image, dynamodb:LeadingKeys on the index. It deploys a tier of its own
// into an account of the reader's, with the stock CDK command line, and removes it again whatever happens.
// With -local it takes the same steps on a local AWS, as far as they go there.
//
//	sandbox          run it; make test-aws sets and explains the variables
//	sandbox -local   run it on this machine
//	sandbox clean    remove what an earlier run left
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	// A terminal or a pipe that is gone must not end this before it has cleaned up; nor must a second signal.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := readOptions(os.Args[1:], os.Getenv)
	if err == nil {
		err = execute(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test-aws:", err)
		return 1
	}
	return 0
}
