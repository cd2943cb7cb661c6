package imds

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// leaveTimeout bounds one try to leave the group.
const leaveTimeout = 15 * time.Second

// leavePauses are those after a try that failed. A hook that times out meanwhile lets the instance go, too.
var leavePauses = backoff.Pauses{First: watchInterval, Most: 30 * time.Second, Least: time.Second}

// Leaving is what an instance does once nothing runs on it any more, until it is shut down: it completes
// the termination hook when its group terminates it, and where the group does not know that the instance
// is of no use any more, it asks for another.
type Leaving struct {
	Membership
	Cause       *drain.Cause
	Terminating func(context.Context) (bool, error) // [Client.Terminating]
	Release     func()                              // ends [Membership.Hold]; may be called again
	Rand        *rand.Rand                          // of the pauses after failures
	Log         *slog.Logger
	Tell        func(outcome string) // told, after each try, what the group was told or why not; for people

	completed, replaced bool
}

// Until tries until stop is closed, once at least. A worker that drained for good does not end by
// itself: its service manager would start it again, and it would take jobs on an instance that goes away.
func (l *Leaving) Until(ctx context.Context, stop <-chan struct{}) {
	for failures := int64(0); ; {
		pause := watchInterval
		if err := l.try(ctx); err != nil {
			l.Log.ErrorContext(ctx, "group not left, trying again", "error", err.Error())
			l.Tell(err.Error())
			pause = leavePauses.After(failures, l.Rand)
			failures++
		} else {
			failures = 0
		}
		select { // both may be ready: told to end means end
		case <-stop:
			return
		default:
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
	}
}

func (l *Leaving) try(ctx context.Context) error {
	if l.completed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	terminating, err := l.Terminating(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the target lifecycle state: %w", err)
	case terminating:
		l.Release() // the completion is the last word
		if err := l.Complete(ctx); err != nil {
			return err
		}
		l.completed = true
		l.say(ctx, "group %s may terminate instance %s")
	case l.Cause.Replace() && !l.replaced:
		if err := l.Replace(ctx); err != nil {
			return err
		}
		l.replaced = true
		l.say(ctx, "group %s was asked to replace instance %s")
	case !l.replaced:
		l.Tell("left to group " + l.Instance.Group)
	}
	return nil
}

func (l *Leaving) say(ctx context.Context, format string) {
	text := fmt.Sprintf(format, l.Instance.Group, l.Instance.ID)
	l.Log.InfoContext(ctx, "group left", "outcome", text)
	l.Tell(text)
}
