// Command tier takes content types out of service, finds stacks that no configuration names, lets a failed first
// deploy be repeated, and shows what the image pipeline built. The CDK command line does none of it: what is no longer in
// worker-tier.yaml it does not see, what is protected it does not replace, and what a pipeline builds it does not know.
//
//	go run ./cmd/tier retire mail --environment prod
//	go run ./cmd/tier orphans --environment prod
//	go run ./cmd/tier unblock --environment prod
//	go run ./cmd/tier chef --environment prod --out chef-repo
//	go run ./cmd/tier image --environment prod --build
//
// The built program needs the configuration and credentials alone; only chef reads the cookbooks that the configuration names.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/worker-tier/worker-tier/constructs/scaling/simulate"
	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

type commands struct {
	Config      string          `short:"c" default:"worker-tier.yaml" help:"The tier's configuration."`
	Environment string          `short:"e" help:"Environment of the tier; may be left out where the file has one."`
	JSON        bool            `help:"Print the result as JSON. Progress goes to standard error."`
	Retire      retireCommand   `cmd:"" help:"Stop the intake of a content type, wait for its jobs, destroy its stack."`
	Orphans     orphansCommand  `cmd:"" help:"List the stacks of worker tiers in the environment's account and Region that the configuration does not name."`
	Unblock     unblockCommand  `cmd:"" help:"Let the next deploy replace protected stacks whose first deploy failed."`
	Chef        chefCommand     `cmd:"" help:"Write the cookbooks and roles that a Chef server must have. Needs no AWS account."`
	Image       imageCommand    `cmd:"" help:"Show the base image in use with its age, the newest that passed its tests, and how to use it; or start a build."`
	Simulate    simulateCommand `cmd:"" help:"Reckon how late jobs would be and how many instance hours they would take. Needs no AWS account."`
}

// session is what every command is given.
type session struct {
	*account
	tier *tierspec.Tier
	file string
	json bool
	asks operator.Person
	out  operator.Printer // results
	err  operator.Printer // progress
	// poll is the time between two looks; settle how long a queue must have looked empty to be: SQS counts
	// roughly, and within a minute of the last message right.
	poll, settle time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	s := &session{
		asks: operator.AtTerminal(os.Stderr), out: operator.Printer{To: os.Stdout}, err: operator.Printer{To: os.Stderr},
		poll: 5 * time.Second, settle: time.Minute,
	}
	status := run(ctx, s, os.Args[1:])
	stop()
	os.Exit(status)
}

// run executes a command line and returns the exit status: 0 for success, 1 for a failure, 2 for a command
// line or a load that cannot be read.
func run(ctx context.Context, s *session, args []string) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("tier"), kong.Writers(s.err.To, s.err.To), kong.UsageOnError(),
		kong.Description("Takes content types out of service, finds stacks that no configuration names, and shows what the image pipeline built."))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	command, err := parser.Parse(args)
	if err != nil {
		s.err.Text("tier: %s (tier --help lists what there is)", err)
		return 2
	}
	load := config.LoadFile // an operator needs no checkout
	if command.Command() == "chef" {
		load = config.Load // it copies cookbooks
	}
	tier, _, err := load(c.Config, c.Environment) // the warnings are for those who deploy
	if err == nil {
		s.tier, s.file, s.json = tier, c.Config, c.JSON
		if command.Command() != "chef" && command.Command() != "simulate <type>" {
			s.account, err = open(ctx, tier.Environment)
		}
		if err == nil {
			command.BindTo(ctx, (*context.Context)(nil))
			err = command.Run(s)
		}
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled):
		s.err.Line("tier: interrupted; the same command goes on from here")
	default:
		s.err.Text("tier: %s", awsaccess.Explain(err))
	}
	if _, input := errors.AsType[*simulate.InputError](err); input {
		return 2
	}
	return 1
}

// say prints progress.
func (s *session) say(format string, args ...any) { s.err.Line(format, args...) }

// result prints what came out of a command: for machines, or the lines for people.
func (s *session) result(v any, lines ...string) error {
	if s.json {
		return s.out.JSON(v)
	}
	return s.out.Lines(lines...)
}

// wait sleeps until the next look.
func (s *session) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.poll):
		return nil
	}
}
