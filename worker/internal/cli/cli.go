package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/internal/plainjson"
)

type commands struct {
	Run      runCommand      `cmd:"" help:"Work on the jobs of one content type until told to stop."`
	Submit   submitCommand   `cmd:"" help:"Submit a job."`
	Jobs     jobsCommand     `cmd:"" help:"Look at jobs and steer them."`
	Type     typeCommand     `cmd:"" help:"Pause and resume a whole content type."`
	Check    checkCommand    `cmd:"" help:"Answer as a Nagios plugin: is the worker here, or a content type, as it should be?"`
	Drain    drainCommand    `cmd:"" help:"Hand back the jobs of the worker on this instance and have the instance replaced."`
	Doctor   doctorCommand   `cmd:"" help:"Check that a worker can work on this instance, and say what is wrong."`
	Describe describeCommand `cmd:"" help:"Print the processors of this binary, with the schemas of their payloads and options."`
	Boot     bootCommand     `cmd:"" hidden:"" help:"Tell the group what became of this instance (for its units and user-data)."`
	Slot     slotCommand     `cmd:"" hidden:"" help:"Run jobs for a supervisor (started by 'run')."`
}

// env is what every command is given.
type env struct {
	Program
	out operator.Printer // results
	err operator.Printer // progress and messages for people
}

// Main runs the command line in os.Args and returns the exit status: 0 for success, 1 for a failure, 2
// for a command line that cannot be read; 'check' has those of a Nagios plugin.
func Main(p Program) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("worker"), kong.UsageOnError(),
		kong.Description("Runs long jobs of one content type so that they survive the machine they run on."))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	e := &env{Program: p, out: operator.Printer{To: os.Stdout}, err: operator.Printer{To: os.Stderr}}
	command, err := parser.Parse(os.Args[1:])
	if unreadable := readable(os.Args); unreadable != nil {
		err = unreadable
	}
	if err != nil && len(os.Args) > 1 && os.Args[1] == "check" {
		return int(printUnknown(os.Stdout, err))
	}
	if err != nil {
		e.err.Text("worker: %s (worker --help lists what there is)", err)
		return 2
	}
	command.BindTo(context.Background(), (*context.Context)(nil))
	err = command.Run(e)
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if err != nil {
		e.err.Text("worker: %s", explain(err))
		return 1
	}
	return 0
}

// readable says which argument is not UTF-8. The parser puts U+FFFD in the place of such bytes.
func readable(args []string) error {
	for n, arg := range args {
		if err := plainjson.CheckUTF8([]byte(arg)); err != nil {
			return fmt.Errorf("argument %d %w", n, err)
		}
	}
	return nil
}

// exitStatus ends a command whose reason has been printed.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

const errReported = exitStatus(1)

type slotCommand struct {
	Processor string `required:"" help:"Processor that runs the jobs."`
}

func (c *slotCommand) Run(ctx context.Context, e *env) error {
	return e.RunSlot(ctx, c.Processor)
}
