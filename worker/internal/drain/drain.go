// Package drain names why a worker stops.
package drain

import (
	"context"
	"errors"
	"time"
)

// Source is what asked a worker to drain.
type Source string

// The sources of a drain.
const (
	Signal    Source = "signal"    // SIGTERM, SIGINT, SIGQUIT or SIGHUP
	Lifecycle Source = "lifecycle" // the group terminates the instance
	Spot      Source = "spot"      // the instance is interrupted in two minutes
	Rebalance Source = "rebalance" // the Spot instance is at an elevated risk of that
	Operator  Source = "operator"  // worker drain
	Sick      Source = "sick"      // the instance could not begin jobs for a quarter of an hour
)

// spotBudget is the longest drain that fits into the two minutes of a Spot interruption notice.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
const spotBudget = 90 * time.Second

// Cause is the cause with which a worker's context is cancelled.
type Cause struct {
	Source Source
	Detail string // for people, for example "terminated"
}

func (c *Cause) Error() string { return "drain: " + c.String() }

// String is the cause for people.
func (c *Cause) String() string { return string(c.Source) + ": " + c.Detail }

// Of is the cause of a cancelled context.
func Of(ctx context.Context) *Cause {
	if c, ok := errors.AsType[*Cause](context.Cause(ctx)); ok {
		return c
	}
	return &Cause{Source: Signal, Detail: "told to stop"}
}

// Budget is how long a drain for this cause waits for steps to end; usual is the configured budget.
func (c *Cause) Budget(usual time.Duration) time.Duration {
	if c.Source == Spot {
		return spotBudget
	}
	return usual
}

// Replace reports whether the instance's group has to be asked for another instance: nobody else takes
// away what this drain leaves idle.
func (c *Cause) Replace() bool {
	return c.Source == Rebalance || c.Source == Operator || c.Source == Sick
}
