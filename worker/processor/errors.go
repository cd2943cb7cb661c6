package processor

import (
	"errors"
	"time"
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
// example when a server has asked for a pause. It comes back after 15 seconds at the soonest and after 31 days at the latest.
func RetryAt(at time.Time, err error) error { return &retryError{at, err} }

// RetryTime returns the time that err, or an error that it wraps, was given by [RetryAt]. It reports whether there is one.
func RetryTime(err error) (time.Time, bool) {
	var retry *retryError
	if !errors.As(err, &retry) {
		return time.Time{}, false
	}
	return retry.at, true
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

type retryError struct {
	at time.Time
	error
}

func (e *retryError) Unwrap() error { return e.error }
