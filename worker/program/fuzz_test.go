package program

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// fuzzCursor has the kinds of fields that cursors have.
type fuzzCursor struct {
	After  string           `json:"after,omitempty"`
	Offset int64            `json:"offset"`
	Parts  []string         `json:"parts"`
	Seen   map[string]int64 `json:"seen"`
	Nested *fuzzCursor      `json:"nested"`
}

// FuzzCursor: a cursor out of the table is left to a newer worker, is permanently bad, or is read; what was
// read is saved as a cursor that the same processor reads as the same.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"after":"a/b","offset":12,"parts":["x"],"seen":{"y":1}}`), "count@3")
	f.Add([]byte(`{"nested":{"nested":null},"After":"<&>"}`), "count@1")
	f.Add([]byte(`{"offset":1e2}`), "count@4")
	f.Add([]byte(`{} {}`), "count@2")
	f.Add([]byte(`{"other":1}`), "count@-1")
	f.Add([]byte("null"), "mail@1")
	f.Add([]byte(nil), "")
	f.Fuzz(func(t *testing.T, text []byte, written string) {
		p := count()
		r := runner{processor: p, task: &slot.Task{Assignment: protocol.Assignment{Cursor: text, CursorVersion: written}}}
		version, err := r.readable()
		if err != nil {
			if !strings.Contains(err.Error(), versioned(p)) {
				t.Errorf("error %q does not say what this worker runs", err)
			}
			return
		}
		if len(text) > 0 && (version < 1 || version > p.Version || !strings.HasPrefix(written, p.Name+"@")) {
			t.Fatalf("%s reads the cursor of %q as one of version %d", versioned(p), written, version)
		}
		at, resumed := decodeCursor(t, r.job(version), len(text) > 0)
		if !resumed {
			return
		}
		saved, err := r.checkpoint(processor.Step{Cursor: at})
		if err != nil {
			if long, _ := json.Marshal(at); len(long) <= protocol.MaxCursor {
				t.Errorf("a cursor of %d bytes: %v", len(long), err)
			}
			return
		}
		if len(saved.Cursor) > protocol.MaxCursor {
			t.Errorf("saved a cursor of %d bytes", len(saved.Cursor))
		}
		r.task.Cursor, r.task.CursorVersion = saved.Cursor, saved.Version
		version, err = r.readable()
		if err != nil || version != p.Version {
			t.Fatalf("does not read what it wrote: version %d, %v", version, err)
		}
		again, _ := decodeCursor(t, r.job(version), true)
		if diff := cmp.Diff(at, again); diff != "" {
			t.Errorf("cursor (-read +saved and read):\n%s", diff)
		}
	})
}

func decodeCursor(t *testing.T, j *processor.Job, there bool) (at fuzzCursor, resumed bool) {
	t.Helper()
	resumed, err := j.DecodeCursor(&at)
	if err != nil && (!processor.IsPermanent(err) || !strings.Contains(err.Error(), "cursor of version")) {
		t.Errorf("error %q is none that ends the job", err)
	}
	if resumed != (there && err == nil) {
		t.Errorf("resumed: %t with %v", resumed, err)
	}
	return at, resumed
}
