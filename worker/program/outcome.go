package program

import (
	"errors"
	"fmt"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// outcomeOf says what becomes of a job after an error. An error that may have come from the drain
// itself, such as a network that is being taken down, is not counted as a failure.
func outcomeOf(err error, draining bool) protocol.Outcome {
	at, later := processor.RetryTime(err)
	wrong := protocol.CheckTime(at)
	switch {
	case processor.IsPermanent(err):
		return protocol.Outcome{Kind: protocol.Permanent, Error: err.Error()}
	case later && wrong != nil:
		return protocol.Outcome{Kind: protocol.Retry, Error: fmt.Sprintf("retry at %v: %v", wrong, err)}
	case later:
		return protocol.Outcome{Kind: protocol.Later, Error: err.Error(), At: at}
	case errors.Is(err, protocol.ErrInstance):
		return protocol.Outcome{Kind: protocol.Sick, Error: err.Error()}
	case draining && errors.Is(err, processor.ErrStopped):
		return protocol.Outcome{Kind: protocol.Stopped}
	case draining:
		return protocol.Outcome{Kind: protocol.Stopped, Error: err.Error()}
	}
	return protocol.Outcome{Kind: protocol.Retry, Error: err.Error()}
}
