// Package cli is the command line of the worker binary: it reads flags, calls what does the work, and prints the result.
package cli

import "context"

// Program is what a worker binary brings to the command line: its processors.
type Program struct {
	// Processors are the names of the processors in this binary with the version of their cursors.
	Processors map[string]int
	// RunSlot serves one slot process until its input ends; it is the hidden command "slot".
	RunSlot func(ctx context.Context, processor string) error
}
