package processor

import (
	"context"
	"os"

	"github.com/worker-tier/worker-tier/worker/internal/cli"
)

// Main is the main function of a worker binary with these processors. It does not return.
func Main(processors ...Processor) {
	versions := make(map[string]int, len(processors))
	for _, p := range processors {
		versions[p.Name] = p.Version
	}
	os.Exit(cli.Main(cli.Program{
		Processors: versions,
		RunSlot: func(ctx context.Context, name string) error {
			return runSlot(ctx, processors, name)
		},
	}))
}
