package group

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

const (
	// leaveTimeout bounds one try to leave the group.
	leaveTimeout = 15 * time.Second
	// leaveInterval is how often the instance looks whether its group terminates it.
	leaveInterval = 5 * time.Second
)

// leavePauses are those after a try that failed. A hook that times out meanwhile lets the instance go, too.
var leavePauses = backoff.Pauses{First: leaveInterval, Most: 30 * time.Second, Least: time.Second}

// Leaving is what a drained instance does until it is shut down. It completes the termination hook when its group
// terminates it, and asks for a replacement where the group does not know that the instance is of no use any more.
type Leaving struct {
	Membership
	Cause       *drain.Cause
	Terminating func(context.Context) (bool, error) // reports whether the group terminates the instance
	Release     func()                              // of [Membership.Hold]
	Rand        *rand.Rand                          // of the pauses after failures
	Tell        func(outcome string)                // is called after each try with its outcome, for people

	completed, replaced bool
}

// Until tries until stop is closed, once at least. A drained worker does not end by itself: its service manager would
// start it again, and it would take jobs on an instance that goes away.
func (l *Leaving) Until(ctx context.Context, stop <-chan struct{}) {
	for failures := int64(0); ; {
		pause := leaveInterval
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
		if err := l.completeTermination(ctx); err != nil {
			return err
		}
		l.completed = true
		l.say(ctx, "group %s may terminate instance %s")
	case l.Cause.Replace() && !l.replaced:
		if err := l.replace(ctx); err != nil {
			return err
		}
		l.replaced = true
		l.say(ctx, "group %s was asked to replace instance %s")
	case !l.replaced:
		l.Tell("left to group " + l.Group)
	}
	return nil
}

func (l *Leaving) say(ctx context.Context, format string) {
	text := fmt.Sprintf(format, l.Group, l.Instance)
	l.Log.InfoContext(ctx, "group left", "outcome", text)
	l.Tell(text)
}
