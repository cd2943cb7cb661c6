package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/test/chaos/oracle"
	"github.com/worker-tier/worker-tier/test/localec2"
)

// killsPerOutage is how many kills there are for each outage of the endpoint.
const killsPerOutage = 15

// pause is how long the chaos waits between two kills.
func pause(random *rand.Rand) time.Duration {
	return 750*time.Millisecond + time.Duration(random.Int64N(int64(1250*time.Millisecond)))
}

// disturb kills until it has killed enough, while jobs are submitted, and undoes what can be undone.
func (c *chaos) disturb(ctx context.Context) error {
	var err error
	if c.jobs, err = newJobs(ctx, c); err != nil {
		return err
	}
	enough, submitted := make(chan struct{}), make(chan error, 1)
	go func() { submitted <- c.jobs.keepBusy(ctx, enough) }()
	c.wait(ctx, 3*time.Second) // the first jobs are to be in mid work
	for n := 1; n <= c.kills && ctx.Err() == nil; n++ {
		c.wait(ctx, pause(c.random))
		if err = c.kill(ctx, n); err != nil {
			break
		}
		if err = c.fault(ctx, n); err != nil {
			break
		}
		if n%killsPerOutage == killsPerOutage/2 {
			if err = c.outage(ctx); err != nil {
				break
			}
		}
	}
	close(enough)
	if e := <-submitted; err == nil {
		err = e
	}
	c.pending.Wait()
	c.healing.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (c *chaos) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// kind is a way to kill, with how often it is chosen.
type kind struct {
	name   string
	weight int
	do     func(*chaos, context.Context, *localec2.Instance) error
}

var kinds = []kind{
	{"kill -9 of an instance", 6, (*chaos).killInstance},
	{"kill -9 of a slot", 5, (*chaos).killSlot},
	{"kill -9 of a supervisor", 3, (*chaos).killSupervisor},
	{"SIGSTOP of an instance", 4, (*chaos).freeze},
	{"SIGTERM", 6, (*chaos).drain},
}

// kill does something to an instance that nothing is being done to.
func (c *chaos) kill(ctx context.Context, n int) error {
	victim, err := c.victim(ctx)
	if err != nil {
		return err
	}
	k := c.choose()
	c.mu.Lock()
	c.byKind[k.name]++
	c.mu.Unlock()
	c.say("%d/%d %s: %s of %s; %d jobs unfinished, %d submitted", n, c.kills, k.name, victim.ID, victim.ContentType, c.jobs.unfinished(""), len(c.jobs.list()))
	if err := k.do(c, ctx, victim); err != nil {
		return fmt.Errorf("%s of %s: %w", k.name, victim.ID, err)
	}
	return nil
}

func (c *chaos) choose() kind {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	at := c.random.IntN(total)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			return k
		}
	}
	panic("unreachable: the weights add up to total")
}

// settled is how old an instance is before something is done to it: its workers have jobs by then.
const settled = 2 * time.Second

// victim chooses an instance, and marks it as busy.
func (c *chaos) victim(ctx context.Context) (*localec2.Instance, error) {
	for end := time.Now().Add(drainTime); time.Now().Before(end) && ctx.Err() == nil; c.wait(ctx, 100*time.Millisecond) {
		c.mu.Lock()
		free := slices.DeleteFunc(c.Launcher.Instances(), func(i *localec2.Instance) bool {
			return c.busy[i.ID] || !c.Launcher.InService(i) || time.Since(i.Started) < settled
		})
		if len(free) > 0 {
			i := free[c.random.IntN(len(free))]
			c.busy[i.ID] = true
			c.mu.Unlock()
			return i, nil
		}
		c.mu.Unlock()
	}
	return nil, fmt.Errorf("no instance to kill for %s (see launcher.log): %w", drainTime, ctx.Err())
}

// release makes an instance a victim again.
func (c *chaos) release(i *localec2.Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, i.ID)
}

// note takes down what is about to be done to an instance.
func (c *chaos) note(i *localec2.Instance, what string, drain bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, oracle.Stop{Instance: i.ID, At: time.Now(), What: what, Drain: drain})
}

func (c *chaos) killInstance(_ context.Context, i *localec2.Instance) error {
	c.note(i, "instance killed", false)
	i.Machine.PowerCut()
	return nil
}

func (c *chaos) killSlot(_ context.Context, i *localec2.Instance) error {
	defer c.release(i)
	_, slots := processesOf(i)
	if len(slots) == 0 {
		c.say("  it has no slot at the moment")
		return nil
	}
	c.note(i, "slot killed", false)
	return gone(syscall.Kill(slots[c.random.IntN(len(slots))], syscall.SIGKILL))
}

func (c *chaos) killSupervisor(_ context.Context, i *localec2.Instance) error {
	supervisor, _ := processesOf(i)
	if supervisor == 0 {
		c.say("  it has ended by itself")
		return nil
	}
	c.note(i, "supervisor killed", false)
	return gone(syscall.Kill(supervisor, syscall.SIGKILL))
}

// gone takes that a process has ended already for a kill.
func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// freeze stops an instance for one and a half to three leases, while the chaos goes on, and thaws it.
func (c *chaos) freeze(ctx context.Context, i *localec2.Instance) error {
	lease := c.lease()
	length := lease*3/2 + time.Duration(c.random.Int64N(int64(lease*3/2)))
	c.note(i, "instance frozen", false)
	if err := i.Machine.Freeze(); err != nil {
		return err
	}
	c.pending.Go(func() {
		defer c.release(i)
		c.wait(ctx, length)
		if err := i.Machine.Thaw(); err != nil {
			c.problem("%v", err)
		}
		c.say("  %s goes on after %s", i.ID, length.Round(100*time.Millisecond))
	})
	return nil
}

// drainTime is when a drain hangs: its budget for the steps, and the writes and the outages around it, take seconds where the machine
// has nothing else to do.
const drainTime = 10 * time.Minute

// drain sends SIGTERM to an instance; it must end by itself.
func (c *chaos) drain(ctx context.Context, i *localec2.Instance) error {
	c.note(i, "drained", true)
	begin := time.Now()
	i.Machine.Shutdown()
	c.pending.Go(func() {
		select {
		case <-i.Machine.Done():
			c.say("  %s drained in %s", i.ID, time.Since(begin).Round(10*time.Millisecond))
		case <-ctx.Done():
		case <-time.After(drainTime):
			c.problem("%s has not ended %s after SIGTERM", i.ID, drainTime)
			i.Machine.PowerCut()
		}
	})
	return nil
}

// problem notes what is wrong with the run besides what the oracle finds.
func (c *chaos) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.say("PROBLEM %s", text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, text)
}

// lease of the jobs; all types have the same.
func (c *chaos) lease() time.Duration { return c.config.ContentTypes[0].Job.Lease }
