package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go/logging"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/chaos/oracle"
	"github.com/worker-tier/worker-tier/test/fulldisk"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
	"github.com/worker-tier/worker-tier/tierspec"
)

// operator stands for an instance id where people's commands are recorded.
const operator = "operator"

// network is what is wrong between the instances and AWS all the time.
var network = awsproxy.Faults{
	Throttle: 0.02, CutBefore: 0.01, CutAfter: 0.01, Repeat: 0.02,
	Delay: 0.05, DelayMost: 8 * time.Second, // more than a lease: writes that come when others hold the job
}

// chaos is one run.
type chaos struct {
	options
	out    io.Writer
	begin  time.Time
	random *rand.Rand // of the main loop

	*stage.Stage
	config        *tierspec.Tier
	tier          *localtier.Tier
	worker        string // the binary, for people's commands
	network       *awsproxy.Network
	operator      *awsproxy.Proxy // people's way to AWS
	closeOperator func()

	jobs *jobs
	logs *logs

	mu       sync.Mutex
	busy     map[string]bool // instances that something is being done to
	stops    []oracle.Stop
	byKind   map[string]int // kills
	byFault  map[string]int
	outages  int
	pending  sync.WaitGroup // freezes and drains under way
	healing  sync.WaitGroup // faults that are to heal
	rung     int            // jobs that waited for their next ring and were rung by hand
	problems []string       // of the chaos itself, such as a drain that does not end
}

func newChaos(o options) *chaos {
	c := &chaos{options: o, out: os.Stdout, begin: time.Now(), random: rand.New(rand.NewPCG(o.seed, 1)), busy: map[string]bool{}, byKind: map[string]int{}, byFault: map[string]int{}, logs: &logs{readers: map[string]*logReader{}}, closeOperator: func() {}}
	if o.json {
		c.out = os.Stderr
	}
	return c
}

// say prints what is going on, with the seconds since the start.
func (c *chaos) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%6.1fs %s\n", time.Since(c.begin).Seconds(), fmt.Sprintf(format, args...))
}

func (c *chaos) run(ctx context.Context) error {
	fmt.Fprintf(c.out, "chaos: %d kills, seed %d (make chaos KILLS=%d SEED=%d makes the same choices); everything is in %s\n", c.kills, c.seed, c.kills, c.seed, c.dir)
	defer func() {
		_, _ = c.Stop(), fulldisk.Unmount(c.dir) // after an error: its own is printed
		c.closeOperator()
	}()
	for _, part := range []func(context.Context) error{c.deploy, c.startInstances, c.disturb, c.calm, c.judge} {
		err := part(ctx)
		if ctx.Err() != nil {
			return errors.New("interrupted; everything that was started is stopped")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deploy starts the local AWS and deploys the chaos's tier with the stock CDK command line.
func (c *chaos) deploy(ctx context.Context) error {
	var err error
	if c.Stage, err = stage.Start(ctx, c.dir, localaws.Options{Port: c.port, Persist: true}); err != nil {
		return err
	}
	c.AWS.Logger = logging.Nop{} // that it is disturbed is no news
	file := filepath.Join(c.root, "test", "chaos", "worker-tier.yaml")
	if c.config, _, err = config.Load(file, c.environment()); err != nil {
		return err
	}
	c.say("local AWS on %s; building the worker and deploying %d content types", c.Server.Endpoint(), len(c.config.ContentTypes))
	built, err := bundle.Build(ctx, bundle.Props{Dir: filepath.Dir(file), Worker: c.config.Worker, Architecture: bundle.Architecture(runtime.GOARCH)})
	if err != nil {
		return err
	}
	c.worker = filepath.Join(built.Dir, "bin", "worker")
	c.tier, err = c.Deploy(ctx, c.root, file, c.config.Name, c.environment())
	return err
}

// startInstances starts the local EC2 on a disturbed network, with two instances for each content type.
func (c *chaos) startInstances(ctx context.Context) error {
	faults := network
	faults.Seed = c.seed
	c.network = awsproxy.NewNetwork(faults)
	journal, err := os.Create(filepath.Join(c.dir, "operator-"+localec2.RequestsFile))
	if err != nil {
		return err
	}
	if c.operator, err = awsproxy.Start(c.Server.Endpoint(), journal, c.network); err != nil {
		return err
	}
	c.closeOperator = sync.OnceFunc(func() {
		c.operator.Close()
		_ = journal.Close()
	})
	if err := c.Launch(ctx, localec2.Options{Network: c.network, Start: c.logs.start}); err != nil {
		return err
	}
	instances := 0
	for _, t := range c.config.ContentTypes {
		instances += t.MinCapacity
	}
	err = localtier.Await(ctx, fmt.Sprintf("%d instances (see launcher.log)", instances), calmTime, func(context.Context) (bool, error) {
		return len(c.Launcher.Instances()) >= instances, nil
	})
	c.say("%d instances run; on their network: %s", len(c.Launcher.Instances()), describe(network))
	return err
}

func describe(f awsproxy.Faults) string {
	var parts []string
	for _, p := range []struct {
		of   float64
		what string
	}{
		{f.Throttle, "throttled"}, {f.CutBefore, "cut before delivery"}, {f.CutAfter, "cut after it"}, {f.Repeat, "delivered twice"},
		{f.Delay, fmt.Sprintf("delayed by up to %s", f.DelayMost)},
	} {
		parts = append(parts, fmt.Sprintf("%g %% %s", 100*p.of, p.what))
	}
	return strings.Join(parts, ", ")
}

// environment of the config: the one for this machine's architecture.
func (c *chaos) environment() string { return runtime.GOARCH }
