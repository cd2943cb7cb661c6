package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/control"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// runtimeDirectory is where systemd tells a service its runtime folder (RuntimeDirectory= of the unit).
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectory=
const runtimeDirectory = "RUNTIME_DIRECTORY"

// board is the running worker as those see it who watch it or ask it to drain.
type board struct {
	notices *drain.Notices
	vitals  *vitals.Board
	counted []metrics.Family                      // that need no supervisor
	ctx     context.Context                       //nolint:containedctx // only asked whether, and why, it was cancelled
	jobs    atomic.Pointer[supervisor.Supervisor] // nil until there is one
	phase   atomic.Int32                          // of the start
	over    chan struct{}                         // closed once all jobs are handed back
	outcome atomic.Pointer[string]                // nil until drained
	servers []*control.Server
}

// The phases of a start.
const (
	starting int32 = iota // instance metadata, table and bucket are waited for
	pooled                // both answered; the group may have the instance in its warm pool
	started
)

var _ control.Worker = (*board)(nil)

// listen opens the sockets in the runtime folder, if there is one, and the TCP address, if there is one: without that
// the worker works unwatched.
func (b *board) listen(address string, log *slog.Logger) error {
	if folder := os.Getenv(runtimeDirectory); folder != "" {
		server, err := control.Listen(filepath.Join(folder, control.SocketName), b)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, server)
		if server, err = control.ListenToAll(filepath.Join(folder, control.WatchSocketName), b); err != nil {
			return err
		}
		b.servers = append(b.servers, server)
	}
	if address == "" {
		return nil
	}
	server, err := control.ListenTCP(address, b)
	if err != nil {
		log.ErrorContext(b.ctx, "nobody can watch this worker over TCP", contract.EnvListen, address, "error", err.Error())
		return nil
	}
	b.servers = append(b.servers, server)
	return nil
}

// work runs s once enter has returned, until the drain has handed all jobs back.
func (b *board) work(ctx context.Context, s *supervisor.Supervisor, enter func()) {
	b.phase.Store(pooled)
	enter()
	b.phase.Store(started)
	s.Run(ctx)
}

// close lets those who wait read the outcome.
func (b *board) close() {
	for _, server := range b.servers {
		server.Close()
	}
}

// tell says what became of the instance once it was drained.
func (b *board) tell(outcome string) { b.outcome.Store(&outcome) }

// Drain begins a drain unless one is under way.
func (b *board) Drain(reason string) {
	b.notices.Take(&drain.Cause{Source: drain.Operator, Detail: reason})
}

// Status is how far the drain is.
func (b *board) Status() control.Status {
	s := control.Status{Cause: drain.Of(b.ctx).String()}
	if jobs := b.jobs.Load(); jobs != nil {
		s.Jobs = jobs.Running()
	}
	if outcome := b.outcome.Load(); outcome != nil {
		s.Drained, s.Outcome = true, *outcome
	}
	return s
}

// text is what the worker does, in one line for people.
func (b *board) text() string {
	jobs := b.jobs.Load()
	status := b.Status()
	switch {
	case jobs == nil:
		return "starting"
	case b.ctx.Err() == nil:
		return jobs.State()
	case status.Drained:
		return fmt.Sprintf("drained (%s): %s", status.Cause, status.Outcome)
	}
	return fmt.Sprintf("draining (%s): %d jobs in progress", status.Cause, status.Jobs)
}
