// Command live takes one deployed tier through the changes of its life, one after the other, while jobs run on it. Each is made with the
// stock CDK command line on a local AWS; the local EC2 replaces the instances that the deploy's instance refresh replaces. A line for
// each change says what cdk diff had shown, which pools were rolled, and whether that was as announced: a pool rolls if and only if
// its diff shows it. It ends with one line, and with status 1 unless all changes went as announced and no job was lost.
//
//	go run ./test/live [-only zones,release] [-json] [-port 0]
package main

import (
	"context"

	"github.com/worker-tier/worker-tier/test/stage"
)

func main() { stage.Main("live", errSurprised, run) }

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
	return newLive(o).run(ctx)
}
