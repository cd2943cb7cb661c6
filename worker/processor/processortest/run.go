package processortest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// Bounds of a run: a processor that needs more for a test's job does not get on.
const (
	maxSteps  = 10_000
	maxErrors = 100
)

// run is one way through a job.
type run struct {
	t         *testing.T
	processor processor.Processor
	job       processor.Job
	output    func(json.RawMessage) any
	steps     int
	errors    int
}

func newRun(t *testing.T, c Case) *run {
	t.Helper()
	job, output := c.New(t)
	checkPayload(t, c.Processor, job)
	return &run{t: t, processor: c.Processor, job: job, output: output}
}

// undisturbed does the job in one session, but for errors, and returns the last cursor.
func (r *run) undisturbed() json.RawMessage {
	r.t.Helper()
	var cursor json.RawMessage
	for {
		s := r.open(cursor)
		for s != nil && !s.ended {
			var done bool
			if cursor, done = s.step(); done {
				s.close()
				return cursor
			}
		}
		if s != nil {
			s.close()
		}
	}
}

// session is one worker that has the job.
type session struct {
	run    *run
	steps  processor.Steps
	cursor json.RawMessage // the last one
	ended  bool            // by an error
}

// open returns nil after an error that can be retried.
func (r *run) open(cursor json.RawMessage) *session {
	r.t.Helper()
	r.job.Epoch++
	job := r.job
	job.Cursor = cursor
	if cursor != nil {
		job.CursorVersion = r.processor.Version
	}
	s := &session{run: r, cursor: cursor}
	saved := job.OnSave
	job.OnSave = func(reached processor.Step) error {
		if err := s.save(reached); err != nil || saved == nil {
			return err
		}
		return saved(reached)
	}
	steps, err := r.processor.Open(r.t.Context(), &job)
	if err != nil {
		r.survive(fmt.Errorf("open at cursor %s: %w", cursor, err))
		return nil
	}
	s.steps = steps
	return s
}

// survive fails the test at an error after which the worker would not go on.
func (r *run) survive(err error) {
	r.t.Helper()
	switch r.errors++; {
	case processor.IsPermanent(err):
		r.t.Fatal(err)
	case r.job.Draining != nil: // not counted, as perhaps it came from the drain
		r.errors--
	case r.errors > maxErrors:
		r.t.Fatalf("more than %d errors, the last one: %v", maxErrors, err)
	}
}

// step returns the cursor that was reached, which is the last one after an error.
func (s *session) step() (json.RawMessage, bool) {
	s.run.t.Helper()
	if s.run.steps++; s.run.steps > maxSteps {
		s.run.t.Fatalf("not done after %d steps", maxSteps)
	}
	reached, err := s.steps.Step(s.run.t.Context())
	if err != nil {
		s.ended = true
		s.run.survive(fmt.Errorf("step %d: %w", s.run.steps, err))
		return s.cursor, false
	}
	if err := s.save(reached); err != nil {
		s.run.t.Fatal(err)
	}
	return s.cursor, reached.Done
}

func (s *session) save(reached processor.Step) error {
	cursor, err := plainjson.MarshalUTF8(reached.Cursor)
	if err != nil {
		return fmt.Errorf("cursor: %w", err)
	}
	s.cursor = cursor
	return nil
}

func (s *session) close() {
	s.run.t.Helper()
	if err := s.steps.Close(); err != nil {
		s.run.t.Errorf("close: %v", err)
	}
}
