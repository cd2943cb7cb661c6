package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"github.com/worker-tier/worker-tier/bootstrap/image/local"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// trial is one run.
type trial struct {
	options
	out   io.Writer
	begin time.Time

	image string // folder of the base image
	*stage.Stage
	config *tierspec.Tier
	tier   *localtier.Tier
	queues map[string]string // URLs, by content type
	groups map[string]string // names, by content type

	mu       sync.Mutex
	failing  map[int]string // ids of the machines that have a fault, by the place of theirs in failures
	replaced int            // how many have replaced one of these
	wrong    []string       // what did not hold
}

func newTrial(o options) *trial {
	return &trial{options: o, out: os.Stdout, begin: time.Now(), queues: map[string]string{}, groups: map[string]string{}, failing: map[int]string{}}
}

// say prints what is going on, with the seconds since the start.
func (t *trial) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%6.1fs %s\n", time.Since(t.begin).Seconds(), fmt.Sprintf(format, args...))
}

// fail notes something that did not hold; the run goes on.
func (t *trial) fail(format string, args ...any) {
	t.mu.Lock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	t.mu.Unlock()
	t.say("FAIL "+format, args...)
}

func (t *trial) run(ctx context.Context) error {
	fmt.Fprintf(t.out, "bootstrap: real machines on this one; everything is in %s\n", t.dir)
	defer func() { _ = t.Stop() }() // after an error: its own is printed
	var summary string
	for _, part := range []func(context.Context) error{
		t.deploy,
		func(ctx context.Context) error { return t.Launch(ctx, localec2.Options{Start: t.boot}) },
		func(ctx context.Context) (err error) { summary, err = t.fleet(ctx); return err },
		t.disturb, t.nothingLeft,
	} {
		err := part(ctx)
		if ctx.Err() != nil {
			return errors.New("interrupted; everything that was started is stopped")
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(t.out, summary)
	if len(t.wrong) > 0 {
		return fmt.Errorf("%d things did not hold: %q; each machine's console is in %s", len(t.wrong), t.wrong, filepath.Join(t.dir, "instances"))
	}
	return nil
}

// deploy makes the base image, starts the local AWS and deploys the tier with the stock CDK command line.
func (t *trial) deploy(ctx context.Context) error {
	var err error
	if t.image, err = local.Build(ctx, t.root, t.out); err != nil {
		return err
	}
	t.say("base image %s", t.image)
	if t.Stage, err = stage.Start(ctx, t.dir, localaws.Options{}); err != nil {
		return err
	}
	file := filepath.Join(t.root, "test", "machines", "worker-tier.yaml")
	if t.config, _, err = config.Load(file, runtime.GOARCH); err != nil {
		return err
	}
	if t.tier, err = t.Deploy(ctx, t.root, file, t.config.Name, runtime.GOARCH); err != nil {
		return err
	}
	t.say("deployed %d content types to the local AWS", len(t.config.ContentTypes))
	for _, c := range t.config.ContentTypes {
		if t.queues[c.Name], err = localtier.Parameter(ctx, t.AWS, contract.QueueURLParameter(t.config.Name, runtime.GOARCH, c.Name)); err != nil {
			return err
		}
		if t.groups[c.Name], err = t.group(ctx, c.Name); err != nil {
			return err
		}
	}
	return nil
}

// group is the name of a content type's Auto Scaling group, which CloudFormation begins with that of its stack.
func (t *trial) group(ctx context.Context, contentType string) (string, error) {
	stack := fmt.Sprintf("%s-%s-%s-", t.config.Name, runtime.GOARCH, contentType)
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(t.tier.Groups, &autoscaling.DescribeAutoScalingGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, g := range page.AutoScalingGroups {
			if strings.HasPrefix(*g.AutoScalingGroupName, stack) {
				return *g.AutoScalingGroupName, nil
			}
		}
	}
	return "", fmt.Errorf("no deployed group is of the stack of %s", contentType)
}

// serving are the content types whose machines serve from the start.
func (t *trial) serving() []tierspec.ContentType {
	return slices.DeleteFunc(slices.Clone(t.config.ContentTypes), func(c tierspec.ContentType) bool { return c.Name == faultyType || c.Name == silentType })
}

// boot boots a machine, with a fault if it is one of those that are to fail.
func (t *trial) boot(b localec2.Boot) (localec2.Machine, error) {
	m := localec2.Machines{Image: t.image}
	if wrong := t.nextFault(b); wrong != nil {
		if err := wrong(&m, &b); err != nil {
			return nil, err
		}
	}
	return m.Start(b)
}

// instances are those of a content type that run and have not been told to end, oldest first.
func (t *trial) instances(contentType string) []*localec2.Instance {
	return localec2.Of(contentType, t.Launcher.Instances())
}

func (t *trial) setDesired(ctx context.Context, contentType string, n int32) error {
	group := t.groups[contentType]
	_, err := t.tier.Groups.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &group, DesiredCapacity: &n})
	return err
}

// nothingLeft ends everything and looks for what is left.
func (t *trial) nothingLeft(context.Context) error {
	booted := len(t.Launcher.All())
	_ = t.Stop() // what is left counts
	left, err := localtier.Leftovers(t.dir)
	if err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var groups []string // a control group that holds a process cannot be removed
	for _, i := range t.Launcher.All() {
		for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			found, _ := filepath.Glob(filepath.Join(root, "*", i.ID)) // the pattern is well-formed
			groups = append(groups, found...)
		}
	}
	switch {
	case len(left) > 0:
		t.fail("still running: %v", left)
	case len(groups) > 0:
		t.fail("control groups left: %v", groups)
	case strings.Contains(string(mounts), t.dir):
		t.fail("mounts left in %s", t.dir)
	default:
		t.say("%d machines were booted; of none is a process, a mount or a control group left", booted)
	}
	return nil
}
