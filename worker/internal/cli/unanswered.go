package cli

import (
	"errors"

	"github.com/aws/smithy-go"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// unansweredError is a write that got no answer. The table may have applied it, or may still do so.
type unansweredError struct {
	err  error
	look string // the command that shows whether it was applied
}

func (e *unansweredError) Error() string { return e.err.Error() + e.advice() }
func (e *unansweredError) Unwrap() error { return e.err }

// advice tells an operator how to find out. A repeated command overtakes a first try that is still on its way,
// because each change tests what its author read.
func (e *unansweredError) advice() string {
	return ". The change may have been made, or be made later: see with '" + e.look + "'. If it was not, repeat the command: a first try that comes later is then refused"
}

// answered returns err as it is if it says that nothing was changed, and as an [unansweredError] if the outcome is
// not known.
func answered(err error, look string) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*job.RefusedError](err); refused {
		return err
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() == smithy.FaultClient {
		return err
	}
	return &unansweredError{err, look}
}

// explain turns an error into one sentence that says what to do, where that is known.
func explain(err error) string {
	if unanswered, ok := errors.AsType[*unansweredError](err); ok {
		return awsaccess.Explain(unanswered.err) + unanswered.advice()
	}
	return awsaccess.Explain(err)
}
