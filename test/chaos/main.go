// Command chaos runs jobs of several types on real worker processes against the local AWS, while it kills,
// freezes and drains instances, disturbs their traffic and restarts the endpoint. What was lost or spoiled is judged
// from recorded traffic and finished outputs alone. It ends with one line, and with status 1 unless all that
// must be zero is.
//
//	go run ./test/chaos [-kills 30] [-seed N] [-json] [-port 0]
package main

import (
	"context"

	"github.com/worker-tier/worker-tier/test/stage"
)

func main() { stage.Main("chaos", errViolated, run) }

func run(ctx context.Context, args []string) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	unlock, err := o.prepare()
	if err != nil {
		return err
	}
	defer unlock()
	return newChaos(o).run(ctx)
}
