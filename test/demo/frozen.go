package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// frozen stops an instance past its lease while a write of its is on the way, lets another instance
// take over, delivers the write, and thaws the instance. Both its slots have a job: a frozen instance
// with an idle slot would have a long poll open, whose message nobody gets before the visibility timeout.
func (d *demo) frozen(ctx context.Context) (string, error) {
	const id, beside = "frozen", "frozen-beside"
	for _, job := range []string{id, beside} {
		if err := d.submit(ctx, "backup", job, backupOf(d.tree)); err != nil {
			return "", err
		}
	}
	before, zombie, err := d.awaitMidway(ctx, id)
	if err != nil {
		return "", err
	}
	late, err := d.writeAfterTakeover(ctx, zombie, before, id)
	if err != nil {
		return "", err
	}
	thawed := time.Now()
	if err := zombie.Machine.Thaw(); err != nil {
		return "", err
	}
	for _, job := range []string{id, beside} {
		after, err := d.finished(ctx, job)
		if err != nil {
			return "", err
		}
		if after.Failures != 0 || after.Drains != 0 || strings.HasPrefix(after.Owner, zombie.ID) {
			return "", fmt.Errorf("job %s: drains %d, failures %d, finished by %s: want 0, 0, and another than %s", job, after.Drains, after.Failures, after.Owner, zombie.ID)
		}
	}
	if err := d.healthy(ctx, zombie); err != nil {
		return "", err
	}
	writes := zombie.AWS.Requests(func(r awsproxy.Request) bool { return (about(id)(r) || about(beside)(r)) && r.At.After(thawed) })
	for _, w := range writes {
		if w.Status == 200 {
			return "", fmt.Errorf("a write of %s was accepted after it had lost the job: %s", zombie.ID, w.Body)
		}
	}
	return fmt.Sprintf("its delayed write was refused (%s), none of its %d later writes was accepted; thawed, it went on to other jobs", late.Code, len(writes)), nil
}

// writeAfterTakeover freezes an instance with a write to its job's record held back, and delivers the
// write once another instance has the job.
func (d *demo) writeAfterTakeover(ctx context.Context, zombie *localec2.Instance, before localtier.Record, id string) (awsproxy.Request, error) {
	held := zombie.AWS.Hold(about(id))
	select {
	case <-held.Arrived():
	case <-time.After(jobTime):
		return awsproxy.Request{}, fmt.Errorf("%s wrote nothing for job %s within %s", zombie.ID, id, jobTime)
	}
	if err := zombie.Machine.Freeze(); err != nil {
		return awsproxy.Request{}, err
	}
	at := time.Now()
	d.say("SIGSTOP to everything on %s, with one of its writes to the table on the way", zombie.ID)
	if err := d.setDesired(ctx, "backup", 2); err != nil {
		return awsproxy.Request{}, err
	}
	taken, err := d.awaitJob(ctx, "backup", id, "taken over", func(r localtier.Record) bool {
		return r.Epoch > before.Epoch && r.Owner != before.Owner && r.Owner != ""
	})
	if err != nil {
		return awsproxy.Request{}, err
	}
	d.say("taken over after %s by %s at epoch %d", since(at), taken.Owner, taken.Epoch)
	late, err := deliver(ctx, held)
	if err != nil {
		return late, err
	}
	if late.Code != "ConditionalCheckFailedException" {
		return late, fmt.Errorf("the table answered the late write with status %d %s: it was not refused", late.Status, late.Code)
	}
	d.say("the late write was delivered: %d %s", late.Status, late.Code)
	return late, nil
}

func deliver(ctx context.Context, held *awsproxy.Hold) (awsproxy.Request, error) {
	ctx, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	return held.Release(ctx)
}

// healthy submits small jobs until the instance has finished one.
func (d *demo) healthy(ctx context.Context, i *localec2.Instance) error {
	end := time.Now().Add(jobTime)
	for n := 0; time.Now().Before(end); n++ {
		id := fmt.Sprintf("small-%d", n)
		if err := d.submit(ctx, "backup", id, backupOf(d.tree+"/strings")); err != nil {
			return err
		}
		if _, err := d.awaitDone(ctx, "backup", id); err != nil {
			return err
		}
		if len(i.AWS.Requests(accepted(about(id)))) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s took no job within %s after it was thawed", i.ID, jobTime)
}

// terminated lets a group shrink by one instance.
func (d *demo) terminated(ctx context.Context) (string, error) {
	instances, err := d.running(ctx, "backup", 2)
	if err != nil {
		return "", err
	}
	if err := d.setDesired(ctx, "backup", 1); err != nil {
		return "", err
	}
	leaving := instances[0]
	at := time.Now()
	if err := leaving.AwaitEnd(ctx, instanceTime); err != nil {
		return "", err
	}
	completed := leaving.AWS.Requests(accepted(func(r awsproxy.Request) bool { return r.Operation == "CompleteLifecycleAction" }))
	if len(completed) != 2 {
		return "", fmt.Errorf("%s completed %d lifecycle actions, want its launch and its termination", leaving.ID, len(completed))
	}
	return fmt.Sprintf("%s read its target state from the instance metadata, completed the termination hook and ended in %s", leaving.ID, since(at)), nil
}
