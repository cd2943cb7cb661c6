// Command ownprocessor is a worker with a processor of one's own. Build it instead of ./worker, name it
// under "worker: {package: …}" in worker-tier.yaml, and say "processor: words" in a content type.
package main

import (
	"context"
	"os"
	"strings"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/program"
)

func main() {
	program.Main(processor.Processor{Name: "words", Version: 1, Open: countWords})
}

// countWords counts the words of the files that the payload lists, one file a step.
func countWords(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var files []string
	var at struct{ Files, Words int }
	if err := job.DecodePayload(&files); err != nil {
		return nil, err
	}
	if _, err := job.DecodeCursor(&at); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(context.Context) (processor.Step, error) {
		if at.Files < len(files) {
			text, err := os.ReadFile(files[at.Files])
			if err != nil {
				return processor.Step{}, err
			}
			at.Files, at.Words = at.Files+1, at.Words+len(strings.Fields(string(text)))
		}
		progress := processor.Progress{Done: int64(at.Files), Total: int64(len(files)), Unit: "files"}
		return processor.Step{Cursor: at, Progress: progress, Done: at.Files == len(files)}, nil
	}), nil
}
