// Command worker is the worker of the test of two releases side by side. It is built twice: with this release's code, and copied into the
// code of the release before. Its processor writes down each step it does, where only the test reads it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// Set by the linker: the version of the processor's cursors, and the release that the worker is of.
var version, release = "1", "current"

func main() {
	n, err := strconv.Atoi(version)
	if err != nil {
		panic(err)
	}
	start(processor.Processor{Name: "steps", Version: n, Open: open})
}

// payload is a job of Steps steps. Its cursor has Cursor bytes beside the position; Pad makes the payload long.
type payload struct {
	Dir    string `json:"dir"`
	Steps  int    `json:"steps"`
	Cursor int    `json:"cursor"`
	Pad    string `json:"pad"`
}

type cursor struct {
	At  int    `json:"at"`
	Pad string `json:"pad"`
}

func open(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var p payload
	var c cursor
	if err := job.DecodePayload(&p); err != nil {
		return nil, err
	}
	if _, err := job.DecodeCursor(&c); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(context.Context) (processor.Step, error) {
		time.Sleep(20 * time.Millisecond)
		c.At, c.Pad = c.At+1, strings.Repeat("x", p.Cursor)
		if err := note(filepath.Join(p.Dir, job.ID), c.At, job.Epoch); err != nil {
			return processor.Step{}, err
		}
		return processor.Step{Cursor: c, Progress: processor.Progress{Done: int64(c.At), Total: int64(p.Steps), Unit: "steps"}, Done: c.At == p.Steps}, nil
	}), nil
}

// note appends a line to the job's file: step, epoch, release.
func note(path string, step int, epoch int64) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d %d %s\n", step, epoch, release)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
