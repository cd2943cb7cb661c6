package program

import (
	"errors"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// outcomeOf says what becomes of a job after an error. An error that may have come from the drain
// itself, such as a network that is being taken down, is not counted as a failure.
func outcomeOf(err error, draining bool) protocol.Outcome {
	at, later := processor.RetryTime(err)
	switch {
	case processor.IsPermanent(err):
		return protocol.Outcome{Kind: protocol.Permanent, Error: brief(err)}
	case later:
		return protocol.Outcome{Kind: protocol.Later, Error: brief(err), At: at}
	case draining && errors.Is(err, processor.ErrStopped):
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
