package exec

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

// inventory is the example program.
const inventory = "../../../examples/inventory/inventory.py"

// item is a line of an inventory.
type item struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Lines  int    `json:"lines"`
}

// makeTree writes a tree with names around the slash in order, and the inventory it should give.
func makeTree(t *testing.T) (string, []item) {
	t.Helper()
	root := t.TempDir()
	var want []item
	for i, path := range []string{"a.txt", "z.txt", "a/x.txt", "a/y/1.txt", "a/y/2.txt", "a/z/1.txt", "a-b/x.txt", "b/c/d/e.txt"} {
		text := strings.Repeat("line\n", i)
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path+".other"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, item{path, int64(len(text)), fmt.Sprintf("%x", sha256.Sum256([]byte(text))), i})
	}
	return root, want
}

// readInventory reads the file that the last cursor names.
func readInventory(t *testing.T, spool string, last json.RawMessage) []item {
	t.Helper()
	var cursor struct{ Epoch int }
	if err := json.Unmarshal(last, &cursor); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(spool, fmt.Sprintf("inventory.%d.jsonl", cursor.Epoch)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var items []item
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var i item
		if err := json.Unmarshal(lines.Bytes(), &i); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		items = append(items, i)
	}
	return items
}

func payloadOf(t *testing.T, directory, output string) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(map[string]string{"directory": directory, "output": output, "suffix": ".txt"})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestInventoryConforms(t *testing.T) {
	root, want := makeTree(t)
	useCommand(t, "python3", inventory)
	processortest.Check(t, processortest.Case{Processor: New(), New: func(t *testing.T) (processor.Job, func(json.RawMessage) any) {
		spool := t.TempDir()
		job := processor.Job{ID: "7", ContentType: "docs", Payload: payloadOf(t, root, spool)}
		return job, func(last json.RawMessage) any {
			got := readInventory(t, spool, last)
			if diff := cmp.Diff(set(want), set(got)); diff != "" {
				t.Error(diff)
			}
			return got
		}
	}})
}

// set forgets the order of items.
func set(items []item) map[item]int {
	counted := map[item]int{}
	for _, i := range items {
		counted[i]++
	}
	return counted
}

// TestInventoryDrains stops it in mid job and goes on at the next epoch: nothing is done twice.
func TestInventoryDrains(t *testing.T) {
	root, want := makeTree(t)
	spool := t.TempDir()
	p := startSlot(t, "exec python3 "+inventory)
	send(t, p, job(time.Minute, string(payloadOf(t, root, spool)), ""))
	send(t, p, protocol.Order{Drain: &protocol.Drain{Cause: "test"}})
	got, checkpoints := outcome(t, p)
	cursor := ""
	if n := len(checkpoints); n > 0 {
		cursor = string(checkpoints[n-1].Cursor)
	}
	if got.Checkpoint != nil {
		cursor = string(got.Checkpoint.Cursor)
	}
	if got.Kind == protocol.Stopped {
		again := job(time.Minute, string(payloadOf(t, root, spool)), cursor)
		again.Run.Epoch++
		send(t, p, again)
		got, _ = outcome(t, p)
	}
	if got.Kind != protocol.Done {
		t.Fatalf("outcome %+v", got)
	}
	if diff := cmp.Diff(set(want), set(readInventory(t, spool, got.Checkpoint.Cursor))); diff != "" {
		t.Error(diff)
	}
}

func TestInventoryRefusesBadJobs(t *testing.T) {
	p := startSlot(t, "exec python3 "+inventory)
	for payload, want := range map[string]string{
		`[]`:                                  "exit status 65: payload: want an object",
		`{}`:                                  "exit status 65: payload: directory: null is not an absolute path",
		`{"directory": "tmp"}`:                `exit status 65: payload: directory: "tmp" is not an absolute path`,
		`{"directory": "/tmp", "sufix": ""}`:  "exit status 65: payload: unknown: sufix",
		`{"directory": "/tmp", "suffix": 1}`:  "exit status 65: payload: suffix: 1 is not a string",
		`{"directory": "/no/such/directory"}`: "exit status 66: payload: directory: /no/such/directory is not a folder",
	} {
		send(t, p, job(time.Minute, payload, ""))
		if got, _ := outcome(t, p); got.Kind != protocol.Permanent || !strings.Contains(got.Error, want) {
			t.Errorf("%s: %+v, want %q", payload, got, want)
		}
	}
}
