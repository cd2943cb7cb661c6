// Command worker is the worker of make bench: as it ships, with the benchmark's job as its processor.
package main

import (
	"context"

	"github.com/worker-tier/worker-tier/test/bench/work"
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/program"
)

func main() {
	program.Main(processor.Processor{Name: "bench", Version: 1, Open: open})
}

func open(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var payload work.Payload
	var done int64
	if err := job.DecodePayload(&payload); err != nil {
		return nil, err
	}
	if _, err := job.DecodeCursor(&done); err != nil {
		return nil, err
	}
	if err := work.Note(job.ID, work.Begun, payload); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(ctx context.Context) (processor.Step, error) {
		if err := payload.Step(ctx); err != nil {
			return processor.Step{}, err
		}
		done++
		if done == payload.Steps {
			if err := work.Note(job.ID, work.Ended, payload); err != nil {
				return processor.Step{}, err
			}
		}
		return processor.Step{Cursor: done, Progress: processor.Progress{Done: done, Total: payload.Steps, Unit: "steps"}, Done: done == payload.Steps}, nil
	}), nil
}
