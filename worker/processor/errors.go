package processor

import (
	"errors"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// ErrStopped is what a step returns that was cut short because of [Job.Draining]: the job goes on from
// the last cursor, and nothing is counted.
var ErrStopped = errors.New("stopped between two cursors")

// Permanent marks an error that no retry can mend: the payload is bad, the source does not exist. The
// job ends as DEAD with err as its reason.
func Permanent(err error) error { return &permanentError{err} }

// IsPermanent says whether err, or one that it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var permanent *permanentError
	return errors.As(err, &permanent)
}

// RetryAt marks an error that is no failure: the job goes on at that time from the last cursor, for
// example when a server has asked for a pause.
func RetryAt(at time.Time, err error) error { return &retryError{at, err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

type retryError struct {
	at time.Time
	error
}

func (e *retryError) Unwrap() error { return e.error }

// outcomeOf says what becomes of a job after an error. An error that may have come from the drain
// itself, such as a network that is being taken down, is not counted as a failure.
func outcomeOf(err error, draining bool) protocol.Outcome {
	var retry *retryError
	switch {
	case IsPermanent(err):
		return protocol.Outcome{Kind: protocol.Permanent, Error: brief(err)}
	case errors.As(err, &retry):
		return protocol.Outcome{Kind: protocol.Later, Error: brief(err), At: retry.at}
	case draining && errors.Is(err, ErrStopped):
		return protocol.Outcome{Kind: protocol.Stopped}
	case draining:
		return protocol.Outcome{Kind: protocol.Stopped, Error: brief(err)}
	}
	return protocol.Outcome{Kind: protocol.Retry, Error: brief(err)}
}

// maxError is how much of an error's text is kept in the job, in bytes.
const maxError = 1000

func brief(err error) string {
	text := err.Error()
	if len(text) <= maxError {
		return text
	}
	return text[:maxError/2] + " … " + text[len(text)-maxError/2:]
}
