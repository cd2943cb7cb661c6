// Package processortest checks that a processor keeps the promises on which resuming rests.
package processortest

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/internal/schema"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// Case is a processor with a job for it.
type Case struct {
	Processor processor.Processor
	// New makes a job on a source that is the same each time and with a fresh place for its output, such as [Artifacts] in
	// Services, and a function that reads the output, given the job's last cursor, into something [cmp.Diff] can
	// compare. It must not hold what differs from run to run, such as the epoch, which [Check] sets.
	New func(t *testing.T) (job processor.Job, output func(last json.RawMessage) any)
}

// Check runs the job to its end in several ways and fails unless each gives the output of the undisturbed run:
//
//   - a new process after every step, with the cursor as JSON and a new epoch
//   - every step done twice, its first result lost
//   - a zombie: every step is done first by the next epoch's holder and then again by the holder before it
//   - a drain in every step, from its beginning
//
// After a [processor.RetryAt] or an error that can be retried, each goes on from the last cursor, as the worker does. It does not
// wait. More than 100 such errors fail, and so does an error that is permanent.
func Check(t *testing.T, c Case) {
	t.Helper()
	var want any
	var steps int
	t.Run("undisturbed", func(t *testing.T) {
		r := newRun(t, c)
		cursor := r.undisturbed()
		steps, want = r.steps, r.output(cursor)
	})
	if t.Failed() {
		return
	}
	if steps == 1 {
		t.Errorf("the job has one step: it cannot show that processor %s resumes; give it more to do", c.Processor.Name)
	}
	for name, disturb := range map[string]func(r *run, cursor json.RawMessage) (json.RawMessage, bool){
		"resumed after every step": once,
		"every step twice":         twice,
		"a zombie at every step":   zombie,
		"a drain in every step":    drained,
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
	if s == nil {
		return cursor, false
	}
	defer s.close()
	return s.step()
}

func twice(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	once(r, cursor) // the worker dies before the cursor is saved
	return once(r, cursor)
}

func zombie(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	old := r.open(cursor)
	next, done := once(r, cursor) // epoch+1
	if old != nil {
		_, _ = old.steps.Step(r.t.Context()) // nobody hears what it reaches, or why it fails
		old.close()
	}
	return next, done
}

// drained has the job stop in every second session: a step that looks at Draining may end with ErrStopped, and gets on in the
// next session.
func drained(r *run, cursor json.RawMessage) (json.RawMessage, bool) {
	draining := make(chan struct{})
	close(draining)
	r.job.Draining = draining
	cursor, done := once(r, cursor)
	r.job.Draining = nil
	if done {
		return cursor, true
	}
	return once(r, cursor)
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
