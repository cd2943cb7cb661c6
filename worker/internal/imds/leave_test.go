package imds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

// group records what is said to it, with the seconds since the start.
type group struct {
	begin       time.Time
	said        []string
	failures    int  // calls that fail before one succeeds
	terminating bool // the instance's target lifecycle state
}

func (g *group) say(format string, args ...any) error {
	g.said = append(g.said, fmt.Sprintf("%2.0f s: ", time.Since(g.begin).Seconds())+fmt.Sprintf(format, args...))
	if g.failures > 0 {
		g.failures--
		return errors.New("the group does not answer")
	}
	return nil
}

func (g *group) CompleteLifecycleAction(_ context.Context, in *autoscaling.CompleteLifecycleActionInput, _ ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	return nil, g.say("complete %s of %s for %s: %s", *in.LifecycleHookName, *in.AutoScalingGroupName, *in.InstanceId, *in.LifecycleActionResult)
}

func (g *group) RecordLifecycleActionHeartbeat(_ context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput, _ ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return nil, g.say("heartbeat %s of %s for %s", *in.LifecycleHookName, *in.AutoScalingGroupName, *in.InstanceId)
}

func (g *group) TerminateInstanceInAutoScalingGroup(_ context.Context, in *autoscaling.TerminateInstanceInAutoScalingGroupInput, _ ...func(*autoscaling.Options)) (*autoscaling.TerminateInstanceInAutoScalingGroupOutput, error) {
	g.terminating = true
	return nil, g.say("terminate %s, decrement %t", *in.InstanceId, *in.ShouldDecrementDesiredCapacity)
}

func (g *group) leaving(source drain.Source) *Leaving {
	return &Leaving{
		Membership:  Membership{API: g, Hook: "drain", Instance: Instance{ID: "i-1", Group: "mail"}},
		Cause:       &drain.Cause{Source: source},
		Terminating: func(context.Context) (bool, error) { return g.terminating, nil },
		Release:     func() {}, Rand: backofftest.Longest(), Log: quiet, Tell: func(string) {},
	}
}

func TestLeavingTheGroup(t *testing.T) {
	const completed = "complete drain of mail for i-1: CONTINUE"
	for name, c := range map[string]struct {
		source  drain.Source
		group   group
		stopped bool // by a signal, from the start
		until   time.Duration
		want    []string
	}{
		"terminated by the group":                     {drain.Lifecycle, group{terminating: true}, false, time.Minute, []string{" 0 s: " + completed}},
		"terminated, and the group is away":           {drain.Lifecycle, group{terminating: true, failures: 2}, false, time.Minute, []string{" 0 s: " + completed, " 5 s: " + completed, "15 s: " + completed}},
		"rebalance asks for another, then leaves":     {drain.Rebalance, group{}, false, time.Minute, []string{" 0 s: terminate i-1, decrement false", " 5 s: " + completed}},
		"an operator too":                             {drain.Operator, group{}, false, time.Minute, []string{" 0 s: terminate i-1, decrement false", " 5 s: " + completed}},
		"rebalance of an instance that goes anyway":   {drain.Rebalance, group{terminating: true}, false, time.Minute, []string{" 0 s: " + completed}},
		"rebalance, and the group is away":            {drain.Rebalance, group{failures: 1}, true, 0, []string{" 0 s: terminate i-1, decrement false"}},
		"Spot is replaced by the group itself":        {drain.Spot, group{}, false, time.Minute, nil},
		"a signal ends it at once":                    {drain.Signal, group{}, true, 0, nil},
		"a signal while the group takes the instance": {drain.Signal, group{terminating: true}, true, 0, []string{" 0 s: " + completed}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.group.begin = time.Now()
				stop := make(chan struct{})
				if c.stopped {
					close(stop)
				} else {
					time.AfterFunc(c.until, func() { close(stop) })
				}
				c.group.leaving(c.source).Until(t.Context(), stop)
				if took := time.Since(c.group.begin); took != c.until {
					t.Errorf("ended after %s, want %s", took, c.until)
				}
				if diff := cmp.Diff(c.want, c.group.said); diff != "" {
					t.Errorf("said to the group (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestHookIsHeldAtOnceAndUntilReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group{begin: time.Now(), failures: 1}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		g.leaving(drain.Lifecycle).Hold(ctx, quiet)
		want := []string{" 0 s: heartbeat drain of mail for i-1", "20 s: heartbeat drain of mail for i-1", "40 s: heartbeat drain of mail for i-1"}
		if !slices.Equal(g.said, want) {
			t.Errorf("said %q, want %q", g.said, want)
		}
	})
}
