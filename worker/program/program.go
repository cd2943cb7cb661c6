// Package program makes a worker binary of processors: the command line, the service that runs jobs, and the slot processes
// in which the processors run.
package program

import (
	"context"
	"os"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/cli"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// Main is the main function of a worker binary with these processors. It does not return.
func Main(processors ...processor.Processor) {
	names := make([]string, len(processors))
	for i, p := range processors {
		names[i] = p.Name
	}
	os.Exit(cli.Main(cli.Program{
		Processors: names,
		Describe:   func() (contract.Description, error) { return describe(processors) },
		RunSlot: func(ctx context.Context, name string) error {
			return runSlot(ctx, processors, name)
		},
	}))
}
