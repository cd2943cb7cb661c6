package loop

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/health"
)

// silentSweeps is for how many sweep intervals the table may not have answered before it counts as lost: a leader that
// has much to do, or a worker whose request gets no answer, looks at it late.
const silentSweeps = 4

// signs are what the loops last found, for those who watch this worker.
type signs struct {
	slots     atomic.Int64           // processes that run and are ready for jobs, or busy
	started   atomic.Int64           // of those, ever
	unstarted atomic.Int64           // starts that failed
	heard     atomic.Int64           // when the table last answered a look at the control item, monotonic; it has if paused is known
	unheard   atomic.Pointer[string] // why it did not at the last look; nil: it did
	received  atomic.Pointer[string] // why the last receive failed; nil: it did not
	unswept   atomic.Int64           // sweeps that failed
}

// note keeps err's text for those who ask; a nil err clears it.
func note(at *atomic.Pointer[string], err error) {
	switch {
	case err != nil:
		at.Store(new(err.Error()))
	case at.Load() != nil:
		at.Store(nil)
	}
}

// Health says what keeps this worker from taking jobs; a busy slot does not. It may be called at any time.
func (w *Worker) Health() []health.Check {
	return []health.Check{w.slotsHealth(), w.pauseHealth(), w.tableHealth(), w.queueHealth(), w.careHealth(), w.sickHealth()}
}

func (w *Worker) slotsHealth() health.Check {
	up := int(w.signs.slots.Load())
	return health.Check{Name: "slots", OK: up > 0, Detail: fmt.Sprintf("%d of %d run, %d busy", up, w.Processes, w.Running())}
}

func (w *Worker) pauseHealth() health.Check {
	c := health.Check{Name: "pause", Detail: "content type is paused"}
	switch paused := w.paused.Load(); {
	case paused == nil:
		c.Detail = "not known yet whether the content type is paused"
	case !*paused:
		c.OK, c.Detail = true, "content type is not paused"
	}
	return c
}

func (w *Worker) tableHealth() health.Check {
	c := health.Check{Name: "table"}
	silent := w.Attempts.Clock.Monotonic() - time.Duration(w.signs.heard.Load())
	why := w.signs.unheard.Load()
	switch {
	case w.away.Load():
		c.Detail = "table or bucket did not answer a claim, and is asked until it does"
	case why != nil:
		c.Detail = "does not answer: " + *why
	case w.paused.Load() == nil:
		c.Detail = "not looked at yet"
	case silent > silentSweeps*w.Attempts.Timing.Sweep:
		c.Detail = fmt.Sprintf("has not answered for %s", silent.Round(time.Second))
	default:
		c.OK, c.Detail = true, fmt.Sprintf("answered %s ago", silent.Round(time.Second))
	}
	return c
}

func (w *Worker) queueHealth() health.Check {
	if why := w.signs.received.Load(); why != nil {
		return health.Check{Name: "queue", Detail: "the last receive failed: " + *why}
	}
	return health.Check{Name: "queue", OK: true, Detail: "no receive fails"}
}
