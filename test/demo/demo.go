package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// demo is one run.
type demo struct {
	options
	out    io.Writer
	ledger *ledger

	*stage.Stage
	config  *configCopy
	cdk     localtier.CDK
	tier    *localtier.Tier
	workers map[string]binary                             // by architecture
	tree    string                                        // what is backed up
	start   func(localec2.Boot) (localec2.Machine, error) // nil: processes

	snapshots []string // ids of the finished backups
}

func newDemo(o options) *demo {
	return &demo{options: o, out: os.Stdout, ledger: &ledger{out: os.Stdout, logs: o.dir}}
}

// say prints what is going on.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "     "+format+"\n", args...)
}

// run runs the whole demo. With KEEP=1, kept is called once all claims are checked, and the tier goes
// on until ctx ends.
func (d *demo) run(ctx context.Context, kept func(error)) error {
	begin := time.Now()
	defer d.stop()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	d.ledger.checkAll(ctx, d.claims())
	if ctx.Err() != nil {
		d.stop()
		return errors.New("interrupted; everything that was started is stopped")
	}
	if d.keep {
		d.howToLook()
		err := d.ledger.total()
		kept(err)
		<-ctx.Done()
		return err
	}
	d.ledger.check(ctx, claim{text: "nothing that the demo started is left", check: d.nothingLeft, always: true})
	d.say("took %s", time.Since(begin).Round(time.Second))
	return d.ledger.total()
}

// claims are what the demo shows while the tier is up, in order.
func (d *demo) claims() []claim {
	return []claim{
		{text: "the stock CDK deploys every stack", check: d.deployAll, vital: true},
		{text: "each group runs what its deployed launch template says", check: d.startInstances, vital: true},
		{text: "a job outlives kill -9 of its instance", check: d.killed},
		{text: "a drain with SIGTERM loses nothing and burns no attempt", check: d.drained},
		{text: "a frozen worker that lost its job cannot write to it", check: d.frozen},
		{text: "an instance that its group terminates drains and says so", check: d.terminated},
		{text: "jobs of other content types run a program through exec", check: d.otherTypes},
		{text: "unreadable messages land in the dead-letter queue with their reason", check: d.badMessages},
		{text: "a new content type is six lines of config and one new stack", check: d.addedType},
		{text: "the finished backups equal the tree, byte for byte", check: d.verifyAll},
		{text: "the worker is small and starts fast", check: d.figures},
	}
}

// prepare makes the config's copy and the worker for the command line, and starts
// the local AWS.
func (d *demo) prepare(ctx context.Context) error {
	fmt.Fprintf(d.out, "demo: the whole worker tier on this machine; everything it writes is in %s\n", d.dir)
	if err := recordRunning(d.options); err != nil {
		return err
	}
	var err error
	if d.tree, err = goTree(ctx); err != nil {
		return err
	}
	if d.machines {
		if err := d.prepareMachines(ctx); err != nil {
			return err
		}
	}
	if d.config, err = copyConfig(d.options); err != nil {
		return err
	}
	start := time.Now()
	if d.Stage, err = stage.Start(ctx, d.dir, localaws.Options{Port: d.port}); err != nil {
		return err
	}
	d.say("local AWS on %s, started in %s", d.Server.Endpoint(), since(start))
	d.cdk = localtier.CDK{Root: d.root, Dir: d.dir, Server: d.Server, Config: d.config.file, Environment: environment}
	d.say("building the worker for amd64 and arm64; the first time this takes minutes")
	start = time.Now()
	if d.workers, err = d.buildWorkers(ctx); err != nil {
		return err
	}
	d.say("built the worker in %s", since(start))
	return nil
}

// deployAll bootstraps the local account and deploys every stack.
func (d *demo) deployAll(ctx context.Context) (string, error) {
	start := time.Now()
	var err error
	if d.tier, err = d.Deploy(ctx, d.root, d.config.file, d.config.tier.Name, environment); err != nil {
		return "", err
	}
	d.say("cdk bootstrap and cdk deploy --all: %s", since(start))
	stacks, err := d.deployedStacks(ctx)
	if err != nil {
		return "", err
	}
	if want := len(d.config.tier.ContentTypes) + 1; len(stacks) != want {
		return "", fmt.Errorf("%d stacks are deployed, want %d: %s", len(stacks), want, strings.Join(stacks, ", "))
	}
	return fmt.Sprintf("%d stacks, the shared one and one per content type", len(stacks)), nil
}

// startInstances starts the local EC2 and waits until every group has its instances.
func (d *demo) startInstances(ctx context.Context) (string, error) {
	if err := d.Launch(ctx, localec2.Options{Start: d.start}); err != nil {
		return "", err
	}
	zones := map[string]bool{}
	slots := 0
	for _, t := range d.config.tier.ContentTypes {
		instances, err := d.running(ctx, t.Name, 1)
		if err != nil {
			return "", err
		}
		zones[instances[0].Zone] = true
		slots += t.ProcessesPerInstance
	}
	backup, err := d.config.contentType("backup")
	if err != nil {
		return "", err
	}
	if err := d.submitInventories(ctx); err != nil {
		return "", err
	}
	d.say("timing of the local environment: %s", timing(backup.Job))
	return fmt.Sprintf("%d instances with %d slots in %d zones", len(d.config.tier.ContentTypes), slots, len(zones)), nil
}

func timing(j contract.Timing) string {
	return fmt.Sprintf("lease %s, heartbeat %s, sweep %s, checkpoint %s, drain budget %s", j.Lease, j.Heartbeat, j.Sweep, j.Checkpoint, j.DrainBudget)
}

func since(start time.Time) time.Duration { return time.Since(start).Round(100 * time.Millisecond) }
