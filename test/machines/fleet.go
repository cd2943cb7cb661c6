package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
)

const (
	perType    = 2
	fleetTime  = 25 * time.Minute // when something is broken; a loaded machine takes ten times a quiet one's
	serveLimit = 90 * time.Second // within which all serve on two processors that have nothing else to do
)

// fleet waits until all machines serve jobs, converges each again, and returns the line that sums it up.
func (t *trial) fleet(ctx context.Context) (string, error) {
	want := perType * len(t.serving())
	t.say("booting %d machines", want)
	begun := time.Now()
	before, err := t.usage()
	if err != nil {
		return "", err
	}
	if err := t.awaitServing(ctx, want); err != nil {
		return "", err
	}
	all := time.Since(begun)
	after, err := t.usage()
	if err != nil {
		return "", err
	}
	instances := t.Launcher.Instances()
	if len(t.Launcher.All()) != want {
		t.fail("%d machines were booted to have %d", len(t.Launcher.All()), want)
	}
	changes, err := t.convergeAgain(ctx, instances)
	if err != nil {
		return "", err
	}
	var claims []time.Duration
	converged, changed := 0, 0
	t.say("%-20s %-10s %-11s %8s  %-30s %s", "machine", "type", "zone", "claim", "first converge", "second")
	for n, i := range instances {
		claim := claimed(i, servePrefix)
		claims = append(claims, claim)
		first := converges(i)
		if len(first) > 0 {
			converged++
		}
		changed += changes[n]
		t.say("%-20s %-10s %-11s %7.1fs  %-30s %d changes", i.ID, i.ContentType, i.Zone, claim.Seconds(), strings.Join(first, "; "), changes[n])
	}
	slices.Sort(claims)
	others := after.others(before)
	t.say("all %d serve after %.1f s, of which each processor spent %.1f on what is none of this run's (limit without it: %s)",
		len(instances), all.Seconds(), others.Seconds(), serveLimit)
	if all-others > serveLimit {
		t.fail("the machines took %.1f s to serve, more than %s", (all - others).Seconds(), serveLimit)
	}
	if changed > 0 {
		t.fail("a second converge made %d changes", changed)
	}
	return fmt.Sprintf("bootstrap: machines=%d converged=%d first_claim_p50_s=%.1f first_claim_max_s=%.1f second_converge_changes=%d",
		len(instances), converged, claims[len(claims)/2].Seconds(), claims[len(claims)-1].Seconds(), changed), nil
}

const servePrefix = "serve-"

// awaitServing submits small jobs until there are so many machines, each is in service and has claimed one: some at
// first, which wait for the machines, then one a second for each type of which a machine in service has none.
func (t *trial) awaitServing(ctx context.Context, want int) error {
	submitted := 0
	submit := func(ctx context.Context, contentType string) error {
		submitted++
		return t.submit(ctx, contentType, fmt.Sprintf("%s%d", servePrefix, submitted), t.smallJob(contentType))
	}
	for _, c := range t.serving() {
		for range perType * c.ProcessesPerInstance {
			if err := submit(ctx, c.Name); err != nil {
				return err
			}
		}
	}
	var waiting []string
	err := localtier.Await(ctx, fmt.Sprintf("%d machines that serve", want), fleetTime, func(ctx context.Context) (bool, error) {
		waiting = nil
		types := map[string]bool{}
		instances := t.Launcher.Instances()
		for _, i := range instances {
			if claimed(i, servePrefix) > 0 && t.Launcher.InService(i) {
				continue
			}
			waiting = append(waiting, i.ContentType+"-"+i.ID)
			if t.Launcher.InService(i) {
				types[i.ContentType] = true
			}
		}
		if len(instances) == want && len(waiting) == 0 {
			return true, nil
		}
		for contentType := range types {
			if err := submit(ctx, contentType); err != nil {
				return false, err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		return false, nil
	})
	if err != nil && len(waiting) > 0 {
		return fmt.Errorf("%w; not serving: %s; their consoles are in %s", err, strings.Join(waiting, ", "), filepath.Join(t.dir, "instances"))
	}
	return err
}

// smallJob is a payload that any instance of the content type can do.
func (t *trial) smallJob(contentType string) any {
	if contentType == "backup" {
		return map[string]any{"source": map[string]any{"directory": "/etc/systemd"}} // the machine's own
	}
	return count(1, time.Second)
}

// finished is what Chef says at its end.
var finished = regexp.MustCompile(`(\d+)/(\d+) resources updated in [0-9a-z ]+`)

// converges are the ends of Chef's runs on an instance's console.
func converges(i *localec2.Instance) []string {
	console, _ := os.ReadFile(filepath.Join(i.Dir, localec2.LogFile)) // without it: none
	var out []string
	for _, match := range finished.FindAll(console, -1) {
		out = append(out, string(match))
	}
	return out
}

// convergeAgain runs Chef once more on each machine, as user-data does, and returns how many resources each run changed.
func (t *trial) convergeAgain(ctx context.Context, instances []*localec2.Instance) ([]int, error) {
	changes := make([]int, len(instances))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for n, i := range instances {
		group.Go(func() error {
			said, err := inside(ctx, i, "env", "HOME=/root", "cinc-client", "--local-mode", "--config", "/etc/chef/client.rb", "--json-attributes", "/etc/chef/first-boot.json")
			if err != nil {
				return err
			}
			match := finished.FindStringSubmatch(said)
			if match == nil {
				return fmt.Errorf("instance %s: no end of a converge in:\n%s", i.ID, said)
			}
			_, err = fmt.Sscan(match[1], &changes[n])
			return err
		})
	}
	return changes, group.Wait()
}

// booted is what a machine that boots can do beyond one of processes.
type booted interface {
	Command(ctx context.Context, args ...string) (*exec.Cmd, error)
	CPU() (time.Duration, error)
}

// inside runs a command on an instance's machine and returns what it says.
func inside(ctx context.Context, i *localec2.Instance, args ...string) (string, error) {
	cmd, err := i.Machine.(booted).Command(ctx, args...)
	if err != nil {
		return "", err
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s on instance %s: %w: %s", strings.Join(args, " "), i.ID, err, said)
	}
	return string(said), nil
}
