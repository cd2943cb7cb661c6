package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

type commands struct {
	Run    runCommand    `cmd:"" help:"Work on the jobs of one content type until told to stop."`
	Submit submitCommand `cmd:"" help:"Submit a job."`
	Jobs   jobsCommand   `cmd:"" help:"Look at jobs and steer them."`
	Type   typeCommand   `cmd:"" help:"Pause and resume a whole content type."`
	Drain  drainCommand  `cmd:"" help:"Hand back the jobs of the worker on this instance and have the instance replaced."`
	Doctor doctorCommand `cmd:"" help:"Check that a worker can work on this instance, and say what is wrong."`
	Boot   bootCommand   `cmd:"" hidden:"" help:"Tell the group what became of this instance (for its units and user-data)."`
	Slot   slotCommand   `cmd:"" hidden:"" help:"Run jobs for a supervisor (started by 'run')."`
}

// env is what every command is given.
type env struct {
	Program
	out io.Writer // results
	err io.Writer // progress and messages for people
}

// Main runs the command line in os.Args and returns the exit status: 0 for success, 1 for a failure, 2
// for a command line that cannot be read.
func Main(p Program) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("worker"), kong.UsageOnError(),
		kong.Description("Runs long jobs of one content type so that they survive the machine they run on."))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "worker: %s (worker --help lists what there is)\n", err)
		return 2
	}
	e := &env{Program: p, out: os.Stdout, err: os.Stderr}
	command.BindTo(context.Background(), (*context.Context)(nil))
	if err := command.Run(e); err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintf(os.Stderr, "worker: %s\n", explain(err))
		}
		return 1
	}
	return 0
}

// errReported is a failure whose reason has been printed.
var errReported = errors.New("reported")

type slotCommand struct {
	Processor string `required:"" help:"Processor that runs the jobs."`
}

func (c *slotCommand) Run(ctx context.Context, e *env) error {
	return e.RunSlot(ctx, c.Processor)
}
