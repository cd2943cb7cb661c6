// Command broken is a bad release: a worker that starts and never passes its check, so that no boot with it succeeds.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "boot" {
		fmt.Fprintln(os.Stderr, "the check of this release always fails")
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	<-ctx.Done()
	stop()
}
