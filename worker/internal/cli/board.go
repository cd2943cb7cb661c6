package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/worker-tier/worker-tier/worker/internal/control"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
)

// runtimeDirectory is where systemd tells a service its runtime folder (RuntimeDirectory= of the unit).
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectory=
const runtimeDirectory = "RUNTIME_DIRECTORY"

// board is the running worker as 'worker drain' sees it.
type board struct {
	notices *drain.Notices
	ctx     context.Context                       //nolint:containedctx // only asked whether, and why, it was cancelled
	jobs    atomic.Pointer[supervisor.Supervisor] // nil until there is one
	outcome atomic.Pointer[string]                // nil until drained
	server  *control.Server                       // nil: no runtime folder, no socket
}

var _ control.Worker = (*board)(nil)

// listen opens the socket in the runtime folder, if there is one; ctx is what notices cancel.
func listen(ctx context.Context, notices *drain.Notices) (*board, error) {
	b := &board{notices: notices, ctx: ctx}
	folder := os.Getenv(runtimeDirectory)
	if folder == "" {
		return b, nil
	}
	var err error
	b.server, err = control.Listen(filepath.Join(folder, control.SocketName), b)
	return b, err
}

// close lets those who wait read the outcome.
func (b *board) close() {
	if b.server != nil {
		b.server.Close()
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
