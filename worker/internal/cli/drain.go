package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/socket"
)

type drainCommand struct {
	Reason string `default:"an operator's wish" help:"Why; the worker logs it."`
	Socket string `env:"WORKER_SOCKET" default:"/run/worker/control.sock" help:"Socket of the worker (env WORKER_SOCKET)."`
	JSON   bool   `help:"Print the outcome as JSON."`
}

// Help is shown by 'worker drain --help'.
func (c *drainCommand) Help() string {
	return "Run on the instance, as root or as the worker's user: the worker of this instance stops receiving, hands its jobs back and asks its group to replace the instance. Waits for the end; interrupting the wait does not stop the drain."
}

// drainView is the outcome as it is printed for machines.
type drainView struct {
	socket.Status
	Seconds float64 `json:"seconds"`
}

func (c *drainCommand) Run(ctx context.Context, e *env) error {
	begin := time.Now()
	last := socket.Status{Jobs: -1}
	status, err := socket.Drain(ctx, c.Socket, c.Reason, func(s socket.Status) {
		if s.Jobs != last.Jobs && !s.Drained {
			e.err.Line("%s draining (%s): %d jobs in progress", time.Now().Format(time.TimeOnly), s.Cause, s.Jobs)
		}
		last = s
	})
	switch {
	case errors.Is(err, socket.ErrNoWorker):
		return fmt.Errorf("%w; is the service up (systemctl status worker), or its socket another (--socket)?", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("only root and the worker's own user may ask the worker to drain (%s)", c.Socket)
	case err != nil:
		return err
	}
	took := time.Since(begin)
	if c.JSON {
		return e.out.JSON(drainView{status, took.Seconds()})
	}
	err = e.out.Line("drained in %s (%s): %s", took.Round(10*time.Millisecond), status.Cause, status.Outcome)
	return err
}
