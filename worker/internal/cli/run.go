package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/daemon"
)

type runCommand struct {
	Debug bool `env:"WORKER_DEBUG" help:"Log every checkpoint and sweep too."`
}

// Help is shown by 'worker run --help'.
func (c *runCommand) Help() string {
	return "The worker reads its settings from the environment variables WORKER_*, as its instance's Chef role writes them."
}

func (c *runCommand) Run(ctx context.Context, e *env) error {
	settings, err := e.settings()
	if err != nil {
		return err
	}
	err = daemon.Run(ctx, daemon.Options{
		Settings: settings,
		Slot:     []string{"slot", "--processor", settings.Processor},
		Log:      e.err.To,
		Debug:    c.Debug,
	})
	if errors.Is(err, daemon.ErrQuit) {
		return exitStatus(daemon.ExitQuit)
	}
	return err
}

// settings are those of the environment, for a processor that this binary has.
func (e *env) settings() (contract.Settings, error) {
	settings, err := contract.SettingsFrom(os.LookupEnv)
	if err != nil {
		return settings, fmt.Errorf("the worker's settings are incomplete:\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	if !slices.Contains(e.Processors, settings.Processor) {
		known := strings.Join(slices.Sorted(slices.Values(e.Processors)), ", ")
		return settings, fmt.Errorf("%s: this worker has no processor %q (it has %s)", contract.EnvProcessor, settings.Processor, known)
	}
	return settings, nil
}
