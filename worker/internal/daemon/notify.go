package daemon

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/systemd"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

const (
	// statusInterval is how soon the service's status line follows what it says.
	statusInterval = time.Second
	// lateLook is how soon a loop that is late is looked at again. A process that was frozen finds all its loops late
	// for a moment, and must not wait half a timeout before it says that it lives.
	lateLook = 100 * time.Millisecond
	// endSlack is what a worker needs beside the drain's budget and a lease: bells, the end of the slots, the hook.
	endSlack = 30 * time.Second
)

// notifier tells the service manager that started the worker how it fares.
type notifier struct {
	manager *systemd.Manager
	vitals  *vitals.Deadlines
	log     *slog.Logger
	random  *rand.Rand // of the pauses of a start
}

// tell sends a message that nothing depends on.
func (n notifier) tell(states ...string) {
	if err := n.manager.Tell(states...); err != nil {
		n.log.Warn("service manager not told", "error", err.Error())
	}
}

// waits says what a starting worker waits for, and that the start takes as much longer: an outage is no reason to be
// killed and started again, a start that hangs is.
func (n notifier) waits(what string, err error, pause time.Duration) {
	n.tell(systemd.Status("waiting: "+what+" does not answer: "+err.Error()), systemd.Extend(pause+probeTimeout+endSlack))
}

// run tells what the worker does and, each half of the watchdog's timeout, that it lives, until ctx ends. It speaks for
// the loops and not for itself: once one of them breaks its promise the watchdog hears nothing more.
func (n notifier) run(ctx context.Context, status func() string) {
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	said := ""
	var pulse <-chan time.Time // nil: there is no watchdog
	if n.manager.Watchdog() > 0 {
		pulse = time.After(0)
	}
	for hung := ""; ; {
		if text := status(); text != said {
			n.tell(systemd.Status(text))
			said = text
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-pulse:
			loop, by := n.vitals.Late()
			if loop == "" {
				n.tell(systemd.Alive)
				pulse = time.After(n.manager.Watchdog() / 2)
			} else {
				pulse = time.After(lateLook)
			}
			if loop != "" && loop != hung {
				n.log.ErrorContext(ctx, "a loop hangs: the watchdog is not told any more that this worker lives", "loop", loop, "late_ms", by.Milliseconds())
			}
			hung = loop
		}
	}
}

// stops says that the worker ends once stopped is closed, and how long its drain may take: a lease is what it takes to give up a
// job that cannot be handed back. A worker that drains for another reason stays until its machine goes, and would be
// killed after the unit's stop timeout had it said so.
func (n notifier) stops(ctx context.Context, stopped <-chan struct{}, longest time.Duration) {
	select {
	case <-stopped:
		n.tell(systemd.Stopping, systemd.Extend(longest+endSlack))
	case <-ctx.Done():
	}
}
