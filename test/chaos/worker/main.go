// Command worker is the worker of the chaos runs: the built-in processors and one whose result shows
// whether each of its steps counted exactly once.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processors/backup"
	"github.com/worker-tier/worker-tier/worker/processors/exec"
	"github.com/worker-tier/worker-tier/worker/program"
)

func main() {
	program.Main(backup.New(), exec.New(), processor.Processor{Name: "chain", Version: 1, Open: openChain})
}

// openChain hashes a word Links times, the hash of the hash and so on, one hash a step of Pause milliseconds.
// Its last cursor is its output: a step that was left out or counted twice makes another hash.
func openChain(_ context.Context, job *processor.Job) (processor.Steps, error) {
	var payload struct {
		Word  string `json:"word"`
		Links int64  `json:"links"`
		Pause int64  `json:"pause"`
	}
	var at struct {
		Links int64  `json:"links"`
		Hash  string `json:"hash"`
	}
	if err := job.DecodePayload(&payload); err != nil {
		return nil, err
	}
	if _, err := job.DecodeCursor(&at); err != nil {
		return nil, err
	}
	return processor.StepFunc(func(ctx context.Context) (processor.Step, error) {
		select {
		case <-time.After(time.Duration(payload.Pause) * time.Millisecond):
		case <-ctx.Done():
			return processor.Step{}, ctx.Err()
		}
		sum := sha256.Sum256([]byte(payload.Word + at.Hash))
		at.Links, at.Hash = at.Links+1, hex.EncodeToString(sum[:])
		return processor.Step{Cursor: at, Progress: processor.Progress{Done: at.Links, Total: payload.Links, Unit: "links"}, Done: at.Links == payload.Links}, nil
	}), nil
}
