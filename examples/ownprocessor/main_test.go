package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

// TestCountWords shows how to check that a processor resumes: here the output is the last cursor alone.
func TestCountWords(t *testing.T) {
	var files []string
	for name, text := range map[string]string{"a": "one two", "b": "", "c": "three"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	text, err := json.Marshal(payload{files})
	if err != nil {
		t.Fatal(err)
	}
	processortest.Check(t, processortest.Case{Processor: words(), New: func(*testing.T) (processor.Job, func(json.RawMessage) any) {
		return processor.Job{Payload: text, Options: json.RawMessage(`{"shortest": 4}`)}, func(last json.RawMessage) any {
			if want := `{"Files":3,"Words":1}`; string(last) != want {
				t.Errorf("last cursor %s, want %s", last, want)
			}
			return string(last)
		}
	}})
}
