// Package stage is the frame of programs that play a whole tier on this machine: a local AWS, a tier deployed to it with the stock
// CDK command line, and a local EC2 that runs the tier's instances.
package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// Main runs a program until it ends or is interrupted. An error is printed after the program's name, unless it is shown, which
// the program has printed itself. The exit status is 1 then.
func Main(name string, shown error, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	if shown == nil || !errors.Is(err, shown) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	os.Exit(1)
}

// Stage is a local AWS and the instances on it.
type Stage struct {
	Server   *localaws.Server
	AWS      aws.Config
	Launcher *localec2.Launcher // nil until [Stage.Launch]

	dir  string
	end  func() error
	stop func()
}

// Start starts the local AWS, whose folder and all others of the stage lie in dir.
func Start(ctx context.Context, dir string, o localaws.Options) (*Stage, error) {
	o.Dir = filepath.Join(dir, "localaws")
	server, err := localaws.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	cfg, err := server.AWSConfig(ctx)
	if err != nil {
		server.Stop()
		return nil, err
	}
	return &Stage{Server: server, AWS: cfg, dir: dir, end: func() error { return nil }, stop: sync.OnceFunc(server.Stop)}, nil
}

// Deploy bootstraps the local account, deploys all stacks of a configuration's environment, and finds the tier.
func (s *Stage) Deploy(ctx context.Context, root, config, tier, environment string) (*localtier.Tier, error) {
	cdk := localtier.CDK{Root: root, Dir: s.dir, Server: s.Server, Config: config, Environment: environment}
	if err := cdk.Bootstrap(ctx); err != nil {
		return nil, err
	}
	if err := cdk.Deploy(ctx, "--all"); err != nil {
		return nil, err
	}
	return localtier.Find(ctx, s.AWS, tier, environment)
}

// Launch starts the local EC2, which logs to launcher.log and runs on when ctx ends. Of the options, those that say where AWS and
// the folders are need not be given.
func (s *Stage) Launch(ctx context.Context, o localec2.Options) error {
	log, err := os.Create(filepath.Join(s.dir, "launcher.log"))
	if err != nil {
		return err
	}
	o.AWS, o.Endpoint, o.Account, o.Region = s.AWS, s.Server.Endpoint(), localaws.Account, localaws.Region
	o.Dir, o.Log = filepath.Join(s.dir, "instances"), slog.New(slog.NewJSONHandler(log, nil))
	s.Launcher = localec2.New(o)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	launched := make(chan error, 1)
	go func() { launched <- s.Launcher.Run(running) }()
	s.end = sync.OnceValue(func() error {
		stop()
		err := <-launched
		_ = log.Close()
		return err
	})
	return nil
}

// End ends the local EC2 and everything that it started. The error is that of its run, however often it is asked for.
func (s *Stage) End() error { return s.end() }

// Stop ends the instances, then the local AWS. It may be called again, and for a stage that was never started (nil).
func (s *Stage) Stop() error {
	if s == nil {
		return nil
	}
	err := s.End()
	s.stop()
	return err
}
