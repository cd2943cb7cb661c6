package exec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// Exit statuses with a meaning, from sysexits.h.
const (
	exDataErr  = 65
	exNoInput  = 66
	exNoUser   = 67
	exTempFail = 75
)

// steps is one run of the program; a step is what it does up to its next checkpoint.
type steps struct {
	job     *processor.Job
	dir     string
	program *program
	reached processor.Step // by the last report
	retryAt time.Time
	asked   bool // the program was sent SIGTERM
	newer   bool // since SIGTERM it has reported a cursor
	refused int  // reports
	refusal error
}

// refusalsLogged is how many refused reports of a job are logged one by one.
const refusalsLogged = 5

// Step waits for the next checkpoint. During a drain it waits for the program's end, however many come
// until then: only the program knows which one is its last.
func (s *steps) Step(ctx context.Context) (processor.Step, error) {
	draining := s.job.Draining
	for {
		select {
		case line, open := <-s.program.reports:
			if !open {
				return s.ended()
			}
			checkpoint, err := s.take(line)
			if refused, ok := errors.AsType[*refusedError](err); ok {
				s.refuse(refused)
				continue
			}
			if err != nil {
				return processor.Step{}, fmt.Errorf("%s: %w", s.program.name, err)
			}
			if checkpoint && !s.asked {
				return s.reached, nil
			}
			if checkpoint {
				s.newer = true
				if err := s.job.Save(s.reached); err != nil {
					return processor.Step{}, err
				}
			}
		case <-draining:
			draining = nil
			s.asked = true
			s.program.child.Signal(syscall.SIGTERM)
		case <-ctx.Done():
			return processor.Step{}, ctx.Err()
		}
	}
}

// take reads a line and says whether it is a checkpoint. An error says why the line counts for nothing.
func (s *steps) take(line []byte) (checkpoint bool, err error) {
	r, err := readReport(line)
	if err != nil {
		return false, err
	}
	reached, err := r.apply(s.reached)
	if err != nil {
		return false, &refusedError{err}
	}
	s.reached = reached
	if r.retryAt != nil {
		s.retryAt = *r.retryAt
	}
	if r.cursor == nil {
		s.job.Report(s.reached.Progress)
	}
	return r.cursor != nil, nil
}

// refuse takes note of a report that counts for nothing.
func (s *steps) refuse(reason error) {
	s.refused, s.refusal = s.refused+1, reason
	if s.refused <= refusalsLogged {
		slog.Warn("report refused, the job goes on", "job", s.job.ID, "reason", reason)
	}
}

// ended says what the program's end means for the job.
func (s *steps) ended() (processor.Step, error) {
	err := s.program.err
	var exit *exec.ExitError
	if err == nil {
		return s.succeeded()
	}
	if !errors.As(err, &exit) {
		return processor.Step{}, fmt.Errorf("%s: %w", s.program.name, err)
	}
	said := fmt.Errorf("%s: %w", s.program.name, err)
	if s.refused > 0 {
		said = fmt.Errorf("%w, reports refused: %d, the last one: %w", said, s.refused, s.refusal)
	}
	if last := s.program.tail.Last(); last != "" {
		said = fmt.Errorf("%w: %s", said, last)
	}
	switch code := exit.ExitCode(); {
	case code == exDataErr || code == exNoInput || code == exNoUser:
		return processor.Step{}, processor.Permanent(said)
	case s.asked && s.newer:
		return s.reached, nil
	case s.asked:
		return processor.Step{}, processor.ErrStopped
	case code == exTempFail && !s.retryAt.IsZero():
		return processor.Step{}, processor.RetryAt(s.retryAt, said)
	}
	return processor.Step{}, said
}

// succeeded is the end of a program that exited with 0. Many programs do so after SIGTERM wherever they are, so then it is
// believed only if its last report says that all is done. The job goes on from the last cursor, which is saved.
func (s *steps) succeeded() (processor.Step, error) {
	p := s.reached.Progress
	why := "its last report names no total to compare with"
	switch {
	case !s.asked || p.Total > 0 && p.Done == p.Total:
		s.reached.Done = true
		return s.reached, nil
	case p.Total > 0:
		why = fmt.Sprintf("its last report says %d of %d %s", p.Done, p.Total, p.Unit)
	}
	return processor.Step{}, fmt.Errorf("%s: exited with 0 after SIGTERM, and %s: the job is handed back. "+
		"A program that stops early exits with %d", s.program.name, strings.TrimSpace(why), exTempFail)
}

// Close kills the program if it still runs.
func (s *steps) Close() error {
	s.program.end()
	if s.refused > refusalsLogged {
		slog.Warn("reports refused", "job", s.job.ID, "reports", s.refused)
	}
	return os.RemoveAll(s.dir)
}
