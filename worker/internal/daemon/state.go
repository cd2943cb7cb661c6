package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/logbuffer"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/socket"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// runtimeDirectory is where systemd tells a service its runtime folder (RuntimeDirectory= of the unit).
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectory=
const runtimeDirectory = "RUNTIME_DIRECTORY"

// state is what others see of the running worker: those who read its reports and those who ask it to drain.
type state struct {
	notices    *drain.Notices
	vitals     *vitals.Deadlines
	counted    []metrics.Family                      // that need no supervisor
	jobs       atomic.Pointer[supervisor.Supervisor] // nil until there is one
	phase      atomic.Int32                          // of the start
	handedBack chan struct{}                         // closed once all jobs are handed back
	outcome    atomic.Pointer[string]                // nil until drained
	servers    []*socket.Server
}

// newState is the state of a worker that starts. It counts the requests that are made with cfg from now on.
func newState(notices *drain.Notices, promises *vitals.Deadlines, lines *logbuffer.Buffer, cfg *aws.Config) *state {
	dropped := metrics.Family{
		Name: "worker_log_lines_dropped_total", Kind: metrics.Counter, Help: "Lines of the log that were dropped, because it was not read fast enough or could not be written.",
		Read: metrics.One(func() float64 { return float64(lines.Dropped()) }),
	}
	return &state{
		notices: notices, vitals: promises, handedBack: make(chan struct{}),
		counted: slices.Concat(metrics.CountRequests(cfg).Families(), []metrics.Family{dropped}, metrics.Process()),
	}
}

// The phases of a start.
const (
	starting int32 = iota // waits for instance metadata, table and bucket
	answered              // these have answered; the group may have the instance in its warm pool
	started
)

var _ socket.Worker = (*state)(nil)

// listen opens the sockets in the runtime folder, if there is one, and the TCP address, if there is one. Without them
// the worker works unwatched.
func (s *state) listen(ctx context.Context, address string, log *slog.Logger) error {
	if folder := os.Getenv(runtimeDirectory); folder != "" {
		server, err := socket.Listen(filepath.Join(folder, socket.ControlSocketName), s)
		if err != nil {
			return err
		}
		s.servers = append(s.servers, server)
		if server, err = socket.ListenToAll(filepath.Join(folder, socket.WatchSocketName), s); err != nil {
			return err
		}
		s.servers = append(s.servers, server)
	}
	if address == "" {
		return nil
	}
	server, err := socket.ListenTCP(address, s)
	if err != nil {
		log.ErrorContext(ctx, "nobody can watch this worker over TCP", contract.EnvListen, address, "error", err.Error())
		return nil
	}
	s.servers = append(s.servers, server)
	return nil
}

// work runs jobs once enter has returned, until the drain has handed all jobs back.
func (s *state) work(ctx context.Context, jobs *supervisor.Supervisor, enter func()) {
	s.phase.Store(answered)
	enter()
	s.phase.Store(started)
	jobs.Run(ctx)
}

// close lets those who wait read the outcome.
func (s *state) close() {
	for _, server := range s.servers {
		server.Close()
	}
}

// tell says what became of the instance once it was drained.
func (s *state) tell(outcome string) { s.outcome.Store(&outcome) }

// Drain begins a drain unless one is under way.
func (s *state) Drain(reason string) {
	s.notices.Take(&drain.Cause{Source: drain.Operator, Detail: reason})
}

// Status is how far the drain is.
func (s *state) Status() socket.Status {
	var status socket.Status
	if cause := s.notices.Cause(); cause != nil {
		status.Cause = cause.String()
	}
	if jobs := s.jobs.Load(); jobs != nil {
		status.Jobs = jobs.Running()
	}
	if outcome := s.outcome.Load(); outcome != nil {
		status.Drained, status.Outcome = true, *outcome
	}
	return status
}

// text is what the worker does, in one line for people.
func (s *state) text() string {
	jobs := s.jobs.Load()
	status := s.Status()
	switch {
	case jobs == nil:
		return "starting"
	case s.notices.Cause() == nil:
		return jobs.State()
	case status.Drained:
		return fmt.Sprintf("drained (%s): %s", status.Cause, status.Outcome)
	}
	return fmt.Sprintf("draining (%s): %d jobs in progress", status.Cause, status.Jobs)
}
