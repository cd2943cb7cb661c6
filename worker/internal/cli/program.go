// Package cli is the command line of the worker binary: it reads flags, calls what does the work, and prints the result.
package cli

import (
	"context"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Program is what a worker binary brings to the command line: its processors.
type Program struct {
	// Processors are the names of the processors in this binary.
	Processors []string
	// Describe tells their versions and schemas.
	Describe func() (contract.Description, error)
	// RunSlot serves one slot process until its input ends; it is the hidden command "slot".
	RunSlot func(ctx context.Context, processor string) error
}

type describeCommand struct{}

// Help is shown by 'worker describe --help'.
func (c *describeCommand) Help() string {
	return "Prints JSON: for each processor its name, the version of its cursors, and the JSON Schemas of its jobs' payloads and of the options of its content types."
}

func (c *describeCommand) Run(e *env) error {
	description, err := e.Describe()
	if err != nil {
		return err
	}
	return e.out.JSON(description)
}
