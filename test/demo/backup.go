package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// goTree is what is backed up: the sources of the Go toolchain, some 10,000 files that every machine
// with Go has.
func goTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return filepath.EvalSymlinks(filepath.Join(strings.TrimSpace(string(out)), "src"))
}

// backupOf is the payload of a backup of a folder.
func backupOf(folder string) any {
	return map[string]any{"source": map[string]any{"directory": folder}}
}

// caught is a job in the middle of its work.
type caught struct {
	id     string
	begin  time.Time // before it was submitted
	record localtier.Record
	holder *localec2.Instance
}

// errTooLate says that a job was nearly done when it was looked at.
var errTooLate = errors.New("too late to stop it in the middle")

// midway submits a backup of the tree and returns it once its record says that it is under way. One that
// was too fast to be caught is let go, and another one submitted.
func (d *demo) midway(ctx context.Context, id string) (caught, error) {
	const tries = 5
	for try := 1; ; try++ {
		c := caught{id: id, begin: time.Now()}
		if try > 1 {
			c.id = fmt.Sprintf("%s-%d", id, try)
		}
		if err := d.submit(ctx, "backup", c.id, backupOf(d.tree)); err != nil {
			return c, err
		}
		var err error
		c.record, c.holder, err = d.awaitMidway(ctx, c.id)
		if !errors.Is(err, errTooLate) || try == tries {
			return c, err
		}
		d.say("%s", err)
		if _, err := d.finished(ctx, c.id); err != nil {
			return c, err
		}
	}
}

// awaitMidway waits for the first checkpoint of a backup.
func (d *demo) awaitMidway(ctx context.Context, id string) (localtier.Record, *localec2.Instance, error) {
	r, err := d.awaitJob(ctx, "backup", id, "under way", func(r localtier.Record) bool {
		return r.State == "RUNNING" && r.Total > 0 && r.Done > 0 || r.State == "DONE"
	})
	if err != nil {
		return r, nil, err
	}
	if r.State == "DONE" || 4*r.Done > 3*r.Total {
		return r, nil, fmt.Errorf("job %s was %s at %s of %s when it was looked at: %w", id, r.State, size(r.Done), size(r.Total), errTooLate)
	}
	i := d.holder(r)
	if i == nil {
		return r, nil, fmt.Errorf("job %s is held by %q, which is no running instance", id, r.Owner)
	}
	d.say("%s: %s of %s done on %s in %s", id, size(r.Done), size(r.Total), i.ID, i.Zone)
	return r, i, nil
}

// finished waits for a backup to be DONE and notes its snapshot for the verification.
func (d *demo) finished(ctx context.Context, id string) (localtier.Record, error) {
	r, err := d.awaitDone(ctx, "backup", id)
	if err == nil {
		d.snapshots = append(d.snapshots, id)
	}
	return r, err
}

// about says whether a request is a write to the record of a job of backup.
func about(id string) func(awsproxy.Request) bool { return aboutJob("backup", id) }

func aboutJob(contentType, id string) func(awsproxy.Request) bool {
	key := []byte(`"` + contentType + "#" + id + `"`)
	return func(r awsproxy.Request) bool {
		return (r.Operation == "UpdateItem" || r.Operation == "PutItem") && bytes.Contains(r.Body, key)
	}
}

func accepted(match func(awsproxy.Request) bool) func(awsproxy.Request) bool {
	return func(r awsproxy.Request) bool { return r.Status == 200 && match(r) }
}

// timerSlack is how late a timer may be on a machine with as much to do as the demo gives it.
const timerSlack = 200 * time.Millisecond

// killed kills an instance with everything on it in mid job.
func (d *demo) killed(ctx context.Context) (string, error) {
	job, err := d.midway(ctx, "killed")
	if err != nil {
		return "", err
	}
	id, before, victim := job.id, job.record, job.holder
	at := time.Now()
	victim.Machine.PowerCut()
	d.say("kill -9 of the supervisor, its slots and all their children on %s", victim.ID)
	left, err := d.tier.Job(ctx, "backup", id)
	if err != nil {
		return "", err
	}
	taken, err := d.awaitJob(ctx, "backup", id, "claimed again", func(r localtier.Record) bool {
		return r.Epoch > left.Epoch && r.Owner != left.Owner && r.Seq >= left.Seq && r.State != "READY"
	})
	if err != nil {
		return "", err
	}
	waited := since(at)
	d.say("claimed again after %s, at %s; the last checkpoint was at %s", waited, size(taken.Done), size(left.Done))
	after, err := d.finished(ctx, id)
	if err != nil {
		return "", err
	}
	again, err := d.redone(ctx, id, job.begin, victim, at)
	if err != nil {
		return "", err
	}
	if after.Failures != 0 || after.Drains != 0 || after.Epoch <= before.Epoch || taken.Done < left.Done {
		return "", fmt.Errorf("drains %d, failures %d, epoch %d after %d, resumed at %d bytes with %d saved: the crash counted as something else, or the cursor was lost",
			after.Drains, after.Failures, after.Epoch, before.Epoch, taken.Done, left.Done)
	}
	t, err := d.config.contentType("backup")
	if err != nil {
		return "", err
	}
	limit := t.Job.Checkpoint + slowest(victim.AWS.Requests(accepted(about(id)))) + timerSlack
	if again.age > limit {
		return "", fmt.Errorf("work done again was %s old at the kill, more than one checkpoint interval (%s, with the slowest write %s)", again.age, t.Job.Checkpoint, limit)
	}
	return fmt.Sprintf("resumed after %s; done again: %s of %s, at most %s of work (checkpoint interval %s)", waited, size(again.bytes), size(after.Total), again.age.Round(time.Millisecond), t.Job.Checkpoint), nil
}

// slowest is the longest time that one of the requests took.
func slowest(requests []awsproxy.Request) time.Duration {
	var longest time.Duration
	for _, r := range requests {
		longest = max(longest, r.Took)
	}
	return longest
}

// drained stops an instance in order, in mid job.
func (d *demo) drained(ctx context.Context) (string, error) {
	job, err := d.midway(ctx, "drained")
	if err != nil {
		return "", err
	}
	id, victim := job.id, job.holder
	at := time.Now()
	victim.Machine.Shutdown()
	if err := victim.AwaitEnd(ctx, instanceTime); err != nil {
		return "", err
	}
	drain := since(at)
	d.say("SIGTERM to %s: drained and ended in %s", victim.ID, drain)
	after, err := d.finished(ctx, id)
	if err != nil {
		return "", err
	}
	again, err := d.redone(ctx, id, job.begin, victim, at)
	if err != nil {
		return "", err
	}
	if after.Drains != 1 || after.Crashes != 0 || after.Failures != 0 {
		return "", fmt.Errorf("drains %d, crashes %d, failures %d: want 1, 0, 0", after.Drains, after.Crashes, after.Failures)
	}
	if again.bytes != 0 {
		return "", fmt.Errorf("%s were done again", size(again.bytes))
	}
	return fmt.Sprintf("ended in %s; done again: 0 bytes; drains 1, crashes 0, failures 0", drain), nil
}

func size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
