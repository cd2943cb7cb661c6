package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// ending is a way for a machine to end while it has jobs.
type ending struct {
	name        string
	contentType string // whose machines it is tried on
	begin       func(ctx context.Context, t *trial, i *localec2.Instance) error
	crash       bool // the jobs are found by the sweeper; else they are handed back
	hook        bool // the termination hook is completed
	unhealthy   bool // the instance is marked so
}

// endings of a machine, each on a content type of its own, all at once.
var endings = []ending{
	{name: "systemctl poweroff", contentType: "docs", begin: func(ctx context.Context, _ *trial, i *localec2.Instance) error {
		_, err := inside(ctx, i, "systemctl", "poweroff", "--no-block")
		return err
	}},
	{name: "terminated by its group", contentType: "calendars", hook: true, begin: func(ctx context.Context, t *trial, _ *localec2.Instance) error {
		return t.setDesired(ctx, "calendars", perType-1) // the oldest goes
	}},
	{name: "Spot interruption", contentType: "sites", begin: func(_ context.Context, t *trial, i *localec2.Instance) error {
		t.Launcher.InterruptSpot(i, spotNotice)
		return nil
	}},
	{name: "power cut", contentType: "mail", crash: true, begin: func(_ context.Context, _ *trial, i *localec2.Instance) error {
		i.Machine.PowerCut()
		return nil
	}},
	{name: "worker dies for good", contentType: "restore", crash: true, unhealthy: true, begin: func(ctx context.Context, _ *trial, i *localec2.Instance) error {
		// systemd starts it again, up to its limit, and then the unit's OnFailure= does something.
		_, err := inside(ctx, i, "bash", "-c", "until systemctl is-failed --quiet worker; do systemctl kill --signal=KILL worker || true; sleep 0.5; done")
		return err
	}},
}

// spotNotice is how long before its end a Spot machine is told; EC2 gives two minutes, which nobody here waits for.
const spotNotice = 30 * time.Second

const (
	busyTime   = 20 * time.Minute // for machines to serve, some in the place of those of the lost zone, and then to have jobs under way
	endingTime = 20 * time.Minute // for one to end, and for its jobs to be done elsewhere
)

// disturb takes a zone away, and then, which is mostly waiting, ends machines in every way, makes boots fail and follows the
// lost zone's jobs, all at once. The zone goes first, so that it takes no machine that something else is tried on.
func (t *trial) disturb(ctx context.Context) error {
	after, err := t.loseZone(ctx)
	if err != nil {
		return err
	}
	if err := t.setDesired(ctx, "backup", 0); err != nil { // nothing more is tried on its machines, and others need the processors
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{after, t.endings, t.failures} {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}

// endings ends machines with jobs on them and follows the jobs to their end.
func (t *trial) endings(ctx context.Context) error {
	t.say("ending machines with jobs on them")
	seen := make([]string, len(endings))
	var all sync.WaitGroup
	for n, e := range endings {
		all.Go(func() {
			var err error
			if seen[n], err = t.endOne(ctx, e); err != nil {
				t.fail("%s: %v", e.name, err)
			}
		})
	}
	all.Wait()
	for n, e := range endings {
		if seen[n] != "" {
			t.say("%-24s %s", e.name, seen[n])
		}
	}
	return nil
}

// endOne fills the machines of a content type with jobs and ends the oldest.
func (t *trial) endOne(ctx context.Context, e ending) (string, error) {
	victim, ids, held, err := t.fill(ctx, e.contentType, "ending-")
	if err != nil {
		return "", err
	}
	begun := time.Now()
	if err := e.begin(ctx, t, victim); err != nil {
		return "", err
	}
	if err := victim.AwaitEnd(ctx, endingTime); err != nil {
		return "", err
	}
	took := time.Since(begun)
	if err := t.awaitDone(ctx, e.contentType, ids); err != nil {
		return "", err
	}
	records, err := t.records(ctx, e.contentType, ids)
	if err != nil {
		return "", err
	}
	for _, n := range held {
		r := records[n]
		drains, crashes := int64(1), int64(0)
		if e.crash {
			drains, crashes = 0, 1
		}
		// A crash is forgotten once the job has come further.
		if r.Drains != drains || r.Crashes > crashes || r.Failures != 0 {
			return "", fmt.Errorf("job %s: drains %d, crashes %d, failures %d, want %d, at most %d, 0", ids[n], r.Drains, r.Crashes, r.Failures, drains, crashes)
		}
	}
	completed := len(victim.AWS.Requests(func(r awsproxy.Request) bool { return r.Operation == "CompleteLifecycleAction" && r.Status == 200 }))
	if want := 1; e.hook && completed != want+1 {
		return "", fmt.Errorf("machine %s completed %d lifecycle actions, want those of its launch and its end", victim.ID, completed)
	}
	marked := len(victim.AWS.Requests(func(r awsproxy.Request) bool { return r.Operation == "SetInstanceHealth" && r.Status == 200 }))
	if e.unhealthy != (marked == 1) {
		return "", fmt.Errorf("machine %s was marked unhealthy %d times", victim.ID, marked)
	}
	how := "handed back, no attempt burned"
	if e.crash {
		how = "found by the sweeper"
	}
	return fmt.Sprintf("off after %4.1f s; its %d jobs %s and done elsewhere; drains %d, failures 0", took.Seconds(), len(held), how, records[held[0]].Drains), nil
}

// fill waits until all machines of a content type serve, gives them as many jobs as they can do at once, and returns the
// oldest machine and which of the jobs it has.
func (t *trial) fill(ctx context.Context, contentType, prefix string) (victim *localec2.Instance, ids []string, held []int, err error) {
	err = localtier.Await(ctx, fmt.Sprintf("%d machines of %s to serve", perType, contentType), busyTime, func(context.Context) (bool, error) {
		serving := slices.DeleteFunc(t.instances(contentType), func(i *localec2.Instance) bool { return !t.Launcher.InService(i) })
		return len(serving) == perType, nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	for n := range perType * t.config.ContentTypes[0].ProcessesPerInstance {
		id := fmt.Sprintf("%s%d", prefix, n+1)
		ids = append(ids, id)
		if err := t.submit(ctx, contentType, id, count(60, 500*time.Millisecond)); err != nil {
			return nil, nil, nil, err
		}
	}
	err = localtier.Await(ctx, "all jobs of "+contentType+" to be under way", busyTime, func(ctx context.Context) (bool, error) {
		records, err := t.records(ctx, contentType, ids)
		if err != nil {
			return false, err
		}
		for _, r := range records {
			if r.State != "RUNNING" || r.Done == 0 {
				return false, nil
			}
		}
		instances := t.instances(contentType)
		if len(instances) == 0 {
			return false, nil
		}
		victim = instances[0]
		held = heldBy(victim, records)
		return len(held) > 0, nil
	})
	return victim, ids, held, err
}

func (t *trial) awaitDone(ctx context.Context, contentType string, ids []string) error {
	return localtier.Await(ctx, "the jobs of "+contentType+" to be done", endingTime, func(ctx context.Context) (bool, error) {
		records, err := t.records(ctx, contentType, ids)
		for n, r := range records {
			if r.State == "DEAD" || r.State == "CANCELLED" {
				return false, fmt.Errorf("job %s is %s: %s", ids[n], r.State, r.LastError)
			}
			if r.State != "DONE" {
				return false, err
			}
		}
		return err == nil, err
	})
}

// loseZone cuts the power of everything in a zone and returns what follows the jobs of its machines to their end.
func (t *trial) loseZone(ctx context.Context) (after func(context.Context) error, err error) {
	const contentType = "export"
	victim, ids, held, err := t.fill(ctx, contentType, "zone-")
	if err != nil {
		return nil, err
	}
	lost := 0
	for _, i := range t.Launcher.Instances() {
		if i.Zone == victim.Zone {
			lost++
		}
	}
	t.Launcher.LoseZone(victim.Zone)
	return func(ctx context.Context) error {
		if err := t.awaitDone(ctx, contentType, ids); err != nil {
			t.fail("loss of a zone: %v", err)
			return nil
		}
		for _, i := range t.Launcher.Instances() {
			if i.Zone == victim.Zone {
				return errors.New("a machine runs in the lost zone")
			}
		}
		t.say("%-24s %s with %d machines is gone; %d jobs found by the sweeper and done in other zones", "loss of a zone", victim.Zone, lost, len(held))
		return nil
	}, nil
}
