package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

// TestCountWords shows how to check that a processor resumes: here the output is nothing but the last cursor,
// so it only has to come to its end.
func TestCountWords(t *testing.T) {
	var files []string
	for name, text := range map[string]string{"a": "one two", "b": "", "c": "three"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	payload, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	words := processor.Processor{Name: "words", Version: 1, Open: countWords}
	processortest.Check(t, processortest.Case{Processor: words, New: func(*testing.T) (processor.Job, func(json.RawMessage) any) {
		return processor.Job{Payload: payload}, func(last json.RawMessage) any { return string(last) }
	}})
}
