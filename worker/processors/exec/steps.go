package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/slot"
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
}

// report is a line that the program writes.
type report struct {
	Cursor  json.RawMessage `json:"cursor"`
	Done    *int64          `json:"done"`
	Total   *int64          `json:"total"`
	Unit    *string         `json:"unit"`
	RetryAt *time.Time      `json:"retryAt"`
}

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

// take reads a report and says whether it is a checkpoint.
func (s *steps) take(line []byte) (checkpoint bool, err error) {
	var r report
	if err := slot.DecodeLine(line, &r); err != nil {
		return false, fmt.Errorf("wrote a report that is none: %.100q: %w", line, err)
	}
	if string(r.Cursor) == "null" {
		return false, errors.New(`reported the cursor null, with which the job would start over: leave "cursor" out of a report without one`)
	}
	if r.Done != nil {
		s.reached.Progress.Done = *r.Done
	}
	if r.Total != nil {
		s.reached.Progress.Total = *r.Total
	}
	if r.Unit != nil {
		s.reached.Progress.Unit = *r.Unit
	}
	if r.RetryAt != nil {
		s.retryAt = *r.RetryAt
	}
	if r.Cursor == nil {
		s.job.Report(s.reached.Progress)
		return false, nil
	}
	s.reached.Cursor = r.Cursor
	return true, nil
}

// ended says what the program's end means for the job.
func (s *steps) ended() (processor.Step, error) {
	err := s.program.err
	var exit *exec.ExitError
	if err == nil {
		s.reached.Done = true
		return s.reached, nil
	}
	if !errors.As(err, &exit) {
		return processor.Step{}, fmt.Errorf("%s: %w", s.program.name, err)
	}
	said := fmt.Errorf("%s: %w", s.program.name, err)
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

// Close kills the program if it still runs.
func (s *steps) Close() error {
	s.program.end()
	return os.RemoveAll(s.dir)
}
