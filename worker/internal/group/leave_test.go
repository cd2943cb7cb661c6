package group

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// leavingCase is a drain for one cause, in a group that does not answer the first calls.
type leavingCase struct {
	source      drain.Source
	terminating bool          // from the start
	failures    int           // calls that fail before one succeeds
	stopped     bool          // by a signal, from the start
	until       time.Duration // when a signal stops it, otherwise
	want        []string
}

// leaving is a member of a group whose first calls fail.
func leaving(source drain.Source, terminating bool, failures int) (*Leaving, *fake) {
	begin := time.Now()
	f := &fake{terminating: terminating, elapsed: func() time.Duration { return time.Since(begin) }}
	f.fails = func(time.Duration) error {
		if len(f.called) <= failures {
			return errors.New("the group does not answer")
		}
		return nil
	}
	return &Leaving{
		Membership:  Membership{API: f, Group: "mail", Instance: "i-1", TerminationHook: "drain", Log: quiet},
		Cause:       &drain.Cause{Source: source},
		Terminating: func(context.Context) (bool, error) { return f.terminating, nil },
		Release:     func() {}, Rand: backofftest.Longest(), Tell: func(string) {},
	}, f
}

func TestLeavingTheGroup(t *testing.T) {
	const completed = "complete drain of mail for i-1: CONTINUE"
	for name, c := range map[string]leavingCase{
		"terminated by the group":                     {drain.Lifecycle, true, 0, false, time.Minute, []string{"0s: " + completed}},
		"terminated, and the group is away":           {drain.Lifecycle, true, 2, false, time.Minute, []string{"0s: " + completed, "5s: " + completed, "15s: " + completed}},
		"rebalance asks for another, then leaves":     {drain.Rebalance, false, 0, false, time.Minute, []string{"0s: terminate i-1, decrement false", "5s: " + completed}},
		"a sick instance too":                         {drain.Sick, false, 0, false, time.Minute, []string{"0s: terminate i-1, decrement false", "5s: " + completed}},
		"an operator too":                             {drain.Operator, false, 0, false, time.Minute, []string{"0s: terminate i-1, decrement false", "5s: " + completed}},
		"rebalance of an instance that goes anyway":   {drain.Rebalance, true, 0, false, time.Minute, []string{"0s: " + completed}},
		"rebalance, and the group is away":            {drain.Rebalance, false, 1, true, 0, []string{"0s: terminate i-1, decrement false"}},
		"Spot is replaced by the group itself":        {drain.Spot, false, 0, false, time.Minute, nil},
		"a signal ends it at once":                    {drain.Signal, false, 0, true, 0, nil},
		"a signal while the group takes the instance": {drain.Signal, true, 0, true, 0, []string{"0s: " + completed}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop := make(chan struct{})
				if c.stopped {
					close(stop)
				} else {
					time.AfterFunc(c.until, func() { close(stop) })
				}
				l, f := leaving(c.source, c.terminating, c.failures)
				l.Until(t.Context(), stop)
				if took := f.elapsed(); took != c.until {
					t.Errorf("ended after %s, want %s", took, c.until)
				}
				if diff := cmp.Diff(c.want, f.called); diff != "" {
					t.Errorf("called (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestHookIsHeldAtOnceAndUntilReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, f := leaving(drain.Lifecycle, true, 1)
		noticed := make(chan struct{})
		release := l.Hold(t.Context(), noticed)
		time.Sleep(time.Minute)
		if len(f.called) > 0 {
			t.Errorf("called %q before the group terminates the instance", f.called)
		}
		close(noticed)
		time.Sleep(50 * time.Second)
		release()
		time.Sleep(time.Minute)
		want := []string{"1m0s: heartbeat drain of mail for i-1", "1m20s: heartbeat drain of mail for i-1", "1m40s: heartbeat drain of mail for i-1"}
		if !slices.Equal(f.called, want) {
			t.Errorf("called %q, want %q", f.called, want)
		}
	})
}

// TestTheCompletionIsTheLastWordAboutTheHook: a heartbeat that follows it is refused by AWS, and would hold an instance that
// may go.
func TestTheCompletionIsTheLastWordAboutTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, f := leaving(drain.Lifecycle, true, 0)
		noticed, stop := make(chan struct{}), make(chan struct{})
		close(noticed)
		l.Release = l.Hold(t.Context(), noticed)
		time.Sleep(50 * time.Second)
		time.AfterFunc(5*time.Minute, func() { close(stop) })
		l.Until(t.Context(), stop)
		if n := len(f.called); n < 2 || !strings.HasSuffix(f.called[n-1], "complete drain of mail for i-1: CONTINUE") {
			t.Errorf("called %q, want heartbeats and then the completion", f.called)
		}
		l.Release()
	})
}
