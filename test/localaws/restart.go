package localaws

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// haltTime bounds an orderly stop: long polls get three seconds to end, then the state is written.
const haltTime = 3 * time.Minute

// Halt stops a server with [Options.Persist] in order: it finishes what it has begun, saves its state and
// ends. Connections to its port are refused until [Server.Resume].
func (s *Server) Halt(ctx context.Context) error {
	if !s.o.Persist {
		return errors.New("the local AWS was started without Persist: it would lose what it holds")
	}
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the local AWS: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, haltTime)
	defer cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the local AWS did not stop: %w; see %s", context.Cause(ctx), s.LogFile())
	}
}

// Resume starts a server that was halted, with what it held, and returns once it answers.
func (s *Server) Resume(ctx context.Context) error {
	if s.feed != nil {
		_ = s.feed.Close() // of the process that has ended
	}
	return s.start(ctx)
}

// Freeze stops the server in mid step: connections are taken and nothing is answered.
func (s *Server) Freeze() error { return syscall.Kill(-s.PID, syscall.SIGSTOP) }

// Thaw lets a frozen server go on; what it was sent meanwhile is done now.
func (s *Server) Thaw() error { return syscall.Kill(-s.PID, syscall.SIGCONT) }
