package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/tierspec"
)

const (
	// stepsTime bounds all steps together; they are thought to take an hour and a half.
	stepsTime = 150 * time.Minute
	// cleanUpTime bounds the clean-up: instances drain, then three stacks are deleted, and a stack that is being
	// updated must come to its end first.
	cleanUpTime = time.Hour
)

// sandbox is one run.
type sandbox struct {
	options
	out   io.Writer
	aws   aws.Config
	alone *local // what stands for AWS; nil on AWS

	description description
	tier        *tierspec.Tier
	cdk         localtier.CDK
	deployed    *localtier.Tier
	deadline    time.Time // of the steps
}

// execute does what the options ask for. The error is for people.
func execute(ctx context.Context, o options, out io.Writer) error {
	s := &sandbox{options: o, out: out}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if s.alone != nil {
		defer func() { _ = s.alone.Stop() }() // the steps say what went wrong
	}
	if o.clean {
		return s.cleanOthers(ctx)
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	return s.run(ctx, steps)
}

// connect finds AWS, or starts what stands for it.
func (s *sandbox) connect(ctx context.Context) error {
	var err error
	if s.local {
		s.account = localaws.Account
		s.alone, s.aws, err = startLocal(ctx, s.dir)
		return err
	}
	s.aws, err = awsconfig.LoadDefaultConfig(ctx, func(o *awsconfig.LoadOptions) error {
		o.Region = s.region
		return nil
	})
	if err == nil && s.aws.Region == "" {
		err = errors.New("no Region: say REGION=, such as REGION=us-east-1")
	}
	return err
}

// prepare checks everything that can be checked before something is made, and says what is going to happen.
func (s *sandbox) prepare(ctx context.Context) error {
	if err := s.checkAccount(ctx); err != nil {
		return err
	}
	if err := s.checkPackage(ctx); err != nil {
		return err
	}
	up, err := filepath.Rel(s.dir, s.root)
	if err != nil {
		return err
	}
	s.description = description{
		Tier: tierName, Environment: s.environment, Account: s.account, Region: s.aws.Region, InstanceType: instanceType,
		Image: s.image, Package: s.chef, Up: filepath.ToSlash(up), Local: s.local,
	}
	goos, architecture := "linux", "arm64"
	if s.local {
		goos, architecture = s.alone.describe(&s.description)
	} else if s.description.Zones, err = s.zones(ctx); err != nil {
		return err
	}
	if err := s.build(ctx, filepath.Join(s.dir, "program", "program"), "./test/sandbox/program", goos, architecture); err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	if !s.local {
		if err := s.checkCost(); err != nil {
			return err
		}
	}
	s.cdk = localtier.CDK{Root: s.root, Dir: s.dir, Config: s.file(), Environment: s.environment}
	if s.local {
		s.cdk.Server = s.alone.Server
	}
	return nil
}

func (s *sandbox) file() string { return filepath.Join(s.dir, "worker-tier.yaml") }

// configure writes the configuration as it is described now.
func (s *sandbox) configure() (err error) {
	s.tier, err = s.description.write(s.file())
	return err
}

// checkCost refuses a run that may cost more than the reader allows.
func (s *sandbox) checkCost() error {
	dollars, err := worstCase(s.tier, stepsTime+cleanUpTime)
	if err != nil {
		return err
	}
	if dollars > s.maxDollars {
		return fmt.Errorf("the run may cost %.2f USD at worst, and MAX_DOLLARS is %.2f: nothing was changed", dollars, s.maxDollars)
	}
	s.say("account %s, Region %s: a tier %s-%s, at most %.2f USD (MAX_DOLLARS=%.2f), at most %s and as long as %s to clean up",
		s.account, s.aws.Region, tierName, s.environment, dollars, s.maxDollars, stepsTime, cleanUpTime)
	return nil
}

// build builds one of the project's programs.
func (s *sandbox) build(ctx context.Context, file, folder, goos, architecture string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, folder)
	build.Dir, build.Env = s.root, append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+architecture)
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", folder, err, said)
	}
	return nil
}

// say prints what goes on.
func (s *sandbox) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, "     "+format+"\n", args...) // nobody may be there to read it
}
