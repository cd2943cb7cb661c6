// Command ownprocessor is a worker with a processor of one's own. Build it instead of ./worker, name it
// under "worker: {package: …, processors: [words]}" in worker-tier.yaml, and say "processor: words" in a content type.
package main

import (
	"context"
	"os"
	"strings"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/program"
)

func main() { program.Main(words()) }

// payload is what a job is submitted with: {"files": ["/data/a.txt"]}.
type payload struct {
	Files []string `json:"files" jsonschema:"minItems=1"`
}

// options are those of a content type in worker-tier.yaml: "options: {shortest: 3}".
type options struct {
	Shortest int `json:"shortest,omitempty" jsonschema:"minimum=1" jsonschema_description:"Shorter words do not count, in bytes."`
}

func words() processor.Processor {
	return processor.Processor{Name: "words", Version: 1, Payload: payload{}, Options: options{}, Open: countWords}
}

// countWords counts the words of the files that the payload lists, one file a step.
func countWords(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var p payload
	o := options{Shortest: 1}
	var at struct{ Files, Words int }
	if err := job.DecodePayload(&p); err != nil {
		return nil, err
	}
	if err := job.DecodeOptions(&o); err != nil {
		return nil, err
	}
	if _, err := job.DecodeCursor(&at); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(context.Context) (processor.Step, error) {
		if at.Files < len(p.Files) {
			text, err := os.ReadFile(p.Files[at.Files])
			if err != nil {
				return processor.Step{}, err
			}
			for _, word := range strings.Fields(string(text)) {
				if len(word) >= o.Shortest {
					at.Words++
				}
			}
			at.Files++
		}
		progress := processor.Progress{Done: int64(at.Files), Total: int64(len(p.Files)), Unit: "files"}
		return processor.Step{Cursor: at, Progress: progress, Done: at.Files == len(p.Files)}, nil
	}), nil
}
