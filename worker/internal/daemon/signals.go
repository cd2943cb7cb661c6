package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/logbuffer"
)

const (
	// exitInterrupted is the exit status after a second signal.
	exitInterrupted = 130
	// ExitQuit is the exit status after SIGQUIT, as of any Go program.
	ExitQuit = 2
	// flushTimeout bounds the wait for the log at the end: its reader may be stalled.
	flushTimeout = 2 * time.Second
	// mostStacks is how many bytes a dump of the goroutines has at most.
	mostStacks = 512 << 10
)

// ErrQuit is returned by [Run] after SIGQUIT, once all jobs are handed back.
var ErrQuit = errors.New("ended by SIGQUIT")

// signals begins a drain when the process is told to end.
type signals struct {
	log     *slog.Logger
	lines   *logbuffer.Buffer
	notices *drain.Notices
	quit    atomic.Bool // SIGQUIT has come
}

// handle handles signals as long as the process lives. SIGTERM, SIGINT, SIGQUIT and SIGHUP begin a drain. A second one of the
// first three ends the process at once, and the slots end with their supervisor. SIGHUP often comes twice, from the
// kernel and from the shell of a terminal that goes away, and therefore never does that.
func (s *signals) handle() {
	// Caught, not ignored, which the programs of jobs would inherit: a write to a log that nobody reads fails.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	caught := make(chan os.Signal, 4)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(caught, syscall.SIGHUP)
	}
	go func() {
		for ending := false; ; {
			received := <-caught
			if received == syscall.SIGQUIT && s.quit.CompareAndSwap(false, true) {
				s.dump()
			}
			if ending && received != syscall.SIGHUP {
				s.exit(received)
			}
			s.notices.Take(&drain.Cause{Source: drain.Signal, Detail: received.String()})
			ending = ending || received != syscall.SIGHUP
		}
	}()
}

// dump logs what each goroutine does at the moment of SIGQUIT, in Go's own format.
func (s *signals) dump() {
	stacks := make([]byte, mostStacks)
	stacks = stacks[:runtime.Stack(stacks, true)]
	_, _ = s.lines.Write([]byte("SIGQUIT: quit\n\n"))
	for line := range bytes.Lines(append(stacks, '\n')) { // one by one: those that fit are logged
		_, _ = s.lines.Write(line)
	}
}

func (s *signals) exit(received os.Signal) {
	s.log.Error("second signal: exiting now", "signal", received.String())
	s.lines.Close(flushTimeout)
	if s.quit.Load() {
		os.Exit(ExitQuit)
	}
	os.Exit(exitInterrupted)
}
