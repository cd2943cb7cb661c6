// Package daemon is the worker as a service: it puts the supervisor together with AWS, the instance's group, the service
// manager and the sockets, and runs them from the start to the end of the drain.
package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/logging"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/group"
	"github.com/worker-tier/worker-tier/worker/internal/imds"
	"github.com/worker-tier/worker-tier/worker/internal/logbuffer"
	"github.com/worker-tier/worker-tier/worker/internal/supervisor"
	"github.com/worker-tier/worker-tier/worker/internal/systemd"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

const (
	// processors of the supervisor, whatever the machine has; the slots have all. It mostly waits for AWS and for its slots,
	// and with more than one the Go runtime spends a fifth of its time on looking for work in vain (decision 024).
	processors = 1
	// garbage is how much there may be before it is collected, in per cent of what is live: twice Go's default. Of the 100 KiB that
	// a short job takes for its calls to AWS, next to nothing lives on; the few MiB more are less than a slot's own.
	garbage = 200
)

// Options are what a daemon is started with.
type Options struct {
	Settings contract.Settings
	Slot     []string // arguments with which this process's binary serves a slot
	Log      io.Writer
	Debug    bool // log every checkpoint and sweep too
}

// Run works on the jobs of the content type until a drain has handed them back and nothing keeps the process. An error is
// one of the start that waiting cannot mend, or [ErrQuit].
func Run(ctx context.Context, o Options) error {
	limitRuntime()
	if err := confine.Shield(); err != nil { // before there are credentials or slots
		return err
	}
	lines := logbuffer.New(o.Log)
	defer lines.Close(flushTimeout)
	level := slog.LevelInfo
	if o.Debug {
		level = slog.LevelDebug
	}
	log := lines.Logger(level)
	slog.SetDefault(log) // and with it the log of the standard library: net/http's servers write there

	cfg, err := awsaccess.ConfigWithRegion(ctx)
	if err != nil {
		return err
	}
	cfg.Logger = sdkLogger(log)
	manager, err := systemd.Connect()
	if err != nil {
		return err
	}
	ctx, notices := drain.NewNotices(ctx)
	signals := &signals{log: log, lines: lines, notices: notices}
	signals.handle()
	d := &daemon{
		Options: o, log: log, notices: notices, metadata: imds.New(cfg), // the metadata is polled all the time, and not counted among the requests to AWS
		notify: notifier{manager: manager, vitals: &vitals.Deadlines{}, log: log, random: supervisor.Random()},
	}
	d.state = newState(notices, d.notify.vitals, lines, &cfg)
	defer d.state.close()
	if err := d.state.listen(ctx, o.Settings.Listen, log); err != nil {
		return err
	}
	if err := d.serve(ctx, cfg); err != nil {
		return err
	}
	if signals.quit.Load() {
		return ErrQuit
	}
	return nil
}

// sdkLogger logs the warnings of the SDK. Its own logger would write to stderr, and wait there for a reader that is stalled.
func sdkLogger(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(kind logging.Classification, format string, values ...any) {
		log.Warn("the AWS SDK reports", "kind", string(kind), "text", fmt.Sprintf(format, values...))
	})
}

// daemon is what the stages of a worker's life have in common.
type daemon struct {
	Options

	log      *slog.Logger
	notices  *drain.Notices
	metadata *imds.Client
	notify   notifier
	state    *state
}

// serve finds out where the worker runs, works and leaves.
func (d *daemon) serve(ctx context.Context, cfg aws.Config) error {
	instance, onEC2 := identify(ctx, d.notify, d.metadata, d.Settings.TerminationHook)
	log := d.log.With("instance", instance.ID, "content_type", d.Settings.ContentType)
	member := group.New(cfg, instance.Group, instance.ID, log)
	member.LaunchHook, member.TerminationHook = d.Settings.LaunchHook, d.Settings.TerminationHook
	s, err := newSupervisor(cfg, d.Options, member, log)
	if err != nil {
		return err
	}
	if member.Group != "" {
		s.Replace = func(reason string) { d.notices.Take(&drain.Cause{Source: drain.Sick, Detail: reason}) }
	}
	s.Hurried, s.Vitals = d.notices.Hurried(), d.notify.vitals
	d.state.jobs.Store(s)

	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer background.Wait()
	defer end()
	background.Go(func() { d.state.push(life, d.Settings, instance.ID, d.log) })
	if onEC2 {
		poller := d.metadata.Poller(d.log, d.Settings.DrainOnRebalance, d.notices.Take)
		poller.Poll(life) // a worker that is started again on an instance that goes away takes no job
		background.Go(func() { poller.Run(life) })
	}
	release := member.Hold(life, d.notices.Leaving())
	defer release()

	if err := awaitTable(ctx, d.notify, s.Probe, cfg, onEC2); err != nil {
		return err
	}
	if err := d.notify.manager.Tell(systemd.Ready); err != nil { // Chef waits for that
		return err
	}
	background.Go(func() { d.notify.run(life, d.state.text) })
	background.Go(func() { d.notify.stops(life, d.notices.Stopped(), d.Settings.DrainBudget+d.Settings.Lease) })
	if ctx.Err() == nil {
		log.InfoContext(ctx, "worker started", "pid", os.Getpid(), "processor", d.Settings.Processor, "processes", d.Settings.Processes, "lease", d.Settings.Lease.String())
		d.state.work(ctx, s, func() { d.enterService(ctx, member) })
	}
	close(d.state.handedBack)
	log.InfoContext(life, "drained", "cause", drain.Of(ctx).Error())
	d.leave(life, group.Leaving{Membership: member, Cause: drain.Of(ctx), Terminating: d.metadata.Terminating, Release: release, Rand: supervisor.Random(), Tell: d.state.tell})
	return nil
}

// enterService waits until the group takes the instance out of its warm pool, if it has one.
func (d *daemon) enterService(ctx context.Context, member group.Membership) {
	if d.Settings.WarmPool && member.Group != "" {
		member.LeaveWarmPool(ctx, func(ctx context.Context) { d.metadata.AwaitService(ctx, member.Log) })
	}
}

// leave leaves the instance's group, if it is in one, and returns once a signal ends the process.
func (d *daemon) leave(ctx context.Context, leaving group.Leaving) {
	if leaving.Group == "" {
		d.state.tell("the worker ends: it knows of no Auto Scaling group that its instance stands in")
		return
	}
	leaving.Until(ctx, d.notices.Stopped())
}

// limitRuntime makes the supervisor's process one that waits. Slots are other processes.
func limitRuntime() {
	runtime.GOMAXPROCS(processors)
	debug.SetGCPercent(garbage)
}
