package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/control"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/health"
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
	ctx     context.Context                       //nolint:containedctx // only asked whether, and why, it was cancelled
	jobs    atomic.Pointer[supervisor.Supervisor] // nil until there is one
	phase   atomic.Int32                          // of the start
	outcome atomic.Pointer[string]                // nil until drained
	server  *control.Server                       // nil: no runtime folder, no socket
}

// The phases of a start.
const (
	starting int32 = iota // instance metadata, table and bucket are waited for
	pooled                // both answered; the group may have the instance in its warm pool
	started
)

var _ control.Worker = (*board)(nil)

// listen opens the socket in the runtime folder, if there is one; ctx is what notices cancel.
func listen(ctx context.Context, notices *drain.Notices, promises *vitals.Board) (*board, error) {
	b := &board{notices: notices, vitals: promises, ctx: ctx}
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

// Alive says whether all loops keep their promises.
func (b *board) Alive() health.Report {
	loop, by := b.vitals.Late()
	if loop != "" {
		return health.Of(health.Check{Name: "loops", Detail: fmt.Sprintf("%s hangs: it should have shown up %s ago", loop, by.Round(time.Millisecond))})
	}
	return health.Of(health.Check{Name: "loops", OK: true, Detail: "all turn"})
}

// Ready says whether the worker takes jobs.
func (b *board) Ready() health.Report {
	phase := b.phase.Load()
	checks := []health.Check{
		{Name: "start", OK: phase > starting, Detail: "instance metadata, table and bucket have answered"},
		{Name: "service", OK: phase == started, Detail: "the instance is in service"},
		{Name: "drain", OK: b.ctx.Err() == nil, Detail: "none has begun"},
	}
	if phase == starting {
		checks[0].Detail = "waits for instance metadata, table or bucket: see the log"
	}
	if phase < started {
		checks[1].Detail = "the group has not put the instance in service, as far as is known: it may stand in a warm pool"
	}
	if b.ctx.Err() != nil {
		checks[2].Detail = b.text()
	}
	if jobs := b.jobs.Load(); jobs != nil {
		checks = append(checks, jobs.Health()...)
	}
	return health.Of(checks...)
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
