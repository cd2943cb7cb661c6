package group

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
)

const (
	// lookInterval is how often Run asks whether the worker is busy. A job is unprotected for that long at most.
	lookInterval = time.Second
	// idleFor is how long the worker must have been idle. AWS throttles calls that follow every job.
	// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html
	idleFor = 2 * time.Minute
	// callTimeout bounds a call, retries included.
	callTimeout = 10 * time.Second
)

// pauses are those after calls that failed. [lookInterval] is their floor.
var pauses = backoff.Pauses{First: 15 * time.Second, Most: 2 * time.Minute}

// Clock is the time as protection needs it; see lease.Clock.
type Clock interface {
	Monotonic() time.Duration
	Sleep(ctx context.Context, d time.Duration) error
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
}

// Protector keeps the group from choosing the instance when it scales in, while jobs run on it. It is for work that cannot
// checkpoint: moving any other job costs less than keeping its instance.
type Protector struct {
	Membership
	Clock Clock
	Rand  *rand.Rand // of the pauses after failures

	known, protected bool // known: protected is the last value that the group has accepted
	busyAt           time.Duration
	tryAt            time.Duration
	failures         int64 // in a row
}

// Run protects the instance while busy returns true, until ctx ends. A drain ends it too: the instance is given up,
// protected or not. A call that fails is repeated, and no job waits for it.
func (p *Protector) Run(ctx context.Context, busy func() bool) {
	p.busyAt = p.Clock.Monotonic()
	for p.Clock.Sleep(ctx, lookInterval) == nil {
		now := p.Clock.Monotonic()
		wanted := busy()
		if wanted {
			p.busyAt = now
		}
		if p.known && wanted == p.protected || !wanted && now < p.busyAt+idleFor || now < p.tryAt {
			continue
		}
		p.set(ctx, wanted)
	}
}

func (p *Protector) set(ctx context.Context, protected bool) {
	call, cancel := p.Clock.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := p.API.SetInstanceProtection(call, &autoscaling.SetInstanceProtectionInput{
		AutoScalingGroupName: &p.Group, InstanceIds: []string{p.Instance}, ProtectedFromScaleIn: aws.Bool(protected),
	})
	if err != nil {
		p.tryAt = p.Clock.Monotonic() + pauses.After(p.failures, p.Rand)
		p.failures++
		if ctx.Err() == nil {
			p.Log.WarnContext(ctx, "protection from scale-in not set, trying again", "protected", protected, "error", err.Error())
		}
		return
	}
	p.known, p.protected, p.failures = true, protected, 0
	p.Log.InfoContext(ctx, "protection from scale-in set", "protected", protected)
}
