// Package processortest checks that a processor keeps the promises on which resuming rests.
package processortest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/internal/schema"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// maxSteps bounds a run: a processor that needs more for a test's job does not get on.
const maxSteps = 10_000

// Case is a processor with a job for it.
type Case struct {
	Processor processor.Processor
	// New makes a job on a source that is the same each time and with a fresh place for its output, and
	// a function that reads the output, given the job's last cursor, into something [cmp.Diff] can
	// compare. It must not hold what differs from run to run, such as the epoch, which [Check] sets.
	New func(t *testing.T) (job processor.Job, output func(last json.RawMessage) any)
}

// Check runs the job to its end in several ways and fails unless each gives the output of the
// undisturbed run: a new process after every step, with the cursor as JSON and a new epoch; every step
// done twice, its first result lost; and the worst one, a zombie: every step is done first by the next
// epoch's holder and then again by the holder before it, which does not know.
func Check(t *testing.T, c Case) {
	t.Helper()
	var want any
	var steps int
	t.Run("undisturbed", func(t *testing.T) {
		r := newRun(t, c)
		session := r.open(nil)
		cursor, done := session.step()
		for ; !done; steps++ {
			cursor, done = session.step()
		}
		session.close()
		want = r.output(cursor)
	})
	if t.Failed() {
		return
	}
	if steps == 0 {
		t.Errorf("the job has one step: it cannot show that processor %s resumes; give it more to do", c.Processor.Name)
	}
	for name, disturb := range map[string]func(r *run, cursor json.RawMessage) (json.RawMessage, bool){
		"resumed after every step": once,
		"every step twice":         twice,
		"a zombie at every step":   zombie,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, c)
			cursor, done := disturb(r, nil)
			for !done {
				cursor, done = disturb(r, cursor)
			}
			if diff := cmp.Diff(want, r.output(cursor)); diff != "" {
				t.Errorf("the output differs from the undisturbed run's (-undisturbed +%s):\n%s", name, diff)
			}
		})
	}
}

func once(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	s := r.open(cursor)
	defer s.close()
	return s.step()
}

func twice(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	once(r, cursor) // the worker dies before the cursor is saved
	return once(r, cursor)
}

func zombie(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	old := r.open(cursor)
	defer old.close()
	next, done := once(r, cursor) // epoch+1
	old.step()
	return next, done
}

// run is one way through a job.
type run struct {
	t         *testing.T
	processor processor.Processor
	job       processor.Job
	output    func(json.RawMessage) any
	steps     int
}

func newRun(t *testing.T, c Case) *run {
	t.Helper()
	job, output := c.New(t)
	checkPayload(t, c.Processor, job)
	return &run{t: t, processor: c.Processor, job: job, output: output}
}

// checkPayload holds the job's payload to its schema, as the worker does before it opens a job.
func checkPayload(t *testing.T, p processor.Processor, job processor.Job) {
	t.Helper()
	s, err := schema.Of(p.Payload)
	if err != nil {
		t.Fatalf("payload of processor %s: %v", p.Name, err)
	}
	if s == nil {
		return
	}
	if mistakes := s.Check(job.Payload); len(mistakes) > 0 {
		t.Fatalf("payload %s: %v", job.Payload, schema.Error(mistakes))
	}
}

// session is one worker that has the job.
type session struct {
	run   *run
	steps processor.Steps
}

func (r *run) open(cursor json.RawMessage) session {
	r.t.Helper()
	r.job.Epoch++
	job := r.job
	job.Cursor = cursor
	if cursor != nil {
		job.CursorVersion = r.processor.Version
	}
	steps, err := r.processor.Open(context.Background(), &job)
	if err != nil {
		r.t.Fatalf("open at cursor %s: %v", cursor, err)
	}
	return session{run: r, steps: steps}
}

func (s session) step() (json.RawMessage, bool) {
	s.run.t.Helper()
	if s.run.steps++; s.run.steps > maxSteps {
		s.run.t.Fatalf("not done after %d steps", maxSteps)
	}
	reached, err := s.steps.Step(s.run.t.Context())
	if err != nil {
		s.run.t.Fatalf("step %d: %v", s.run.steps, err)
	}
	cursor, err := plainjson.MarshalUTF8(reached.Cursor)
	if err != nil {
		s.run.t.Fatal(fmt.Errorf("cursor: %w", err))
	}
	return cursor, reached.Done
}

func (s session) close() {
	s.run.t.Helper()
	if err := s.steps.Close(); err != nil {
		s.run.t.Errorf("close: %v", err)
	}
}
