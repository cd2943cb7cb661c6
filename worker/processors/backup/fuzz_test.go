package backup

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// FuzzCursor: a cursor is permanently bad, or is written again as the same and goes on in the source with all
// that comes after it, whether what it names is there or not, and with nothing from outside.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{
		`{"counts":{},"started":1}`, `{"after":"a/x","counts":{"files":1,"bytes":10},"started":1}`, `{"after":"a/","segments":3,"last":"ab","counts":{},"started":1}`,
		`{"after":{"bytes":"bm90/3V0Zjg="},"counts":{},"started":1}`, `{"after":"big","offset":8388608,"version":"1-2","counts":{},"started":1}`,
		`{"after":"../../etc/passwd","offset":1,"counts":{},"started":0}`, `{"after":"/","offset":-5}`, `{"manifest":"m","total":-1}`, `{"after":5}`, `{"files":1}`, `null`, `{"after":"a\u0000/"}`,
	} {
		f.Add([]byte(text))
	}
	root := makeTree(f, map[string]int{"a/x": 10, "a/y/z": 20, "a-b": 5, "empty": 0, "not\xffutf8": 6, "z": 1})
	src, err := openDirectory(root)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = src.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		var at cursor
		resumed, err := at.decode(&processor.Job{Cursor: text, CursorVersion: 1})
		if err != nil && !processor.IsPermanent(err) {
			t.Errorf("error %q is none that ends the job", err)
		}
		if err != nil || !resumed {
			return
		}
		if at.Offset < 0 || at.Segments < 0 {
			t.Fatalf("took %+v for a place", at)
		}
		written, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var again cursor
		if _, err := (&processor.Job{Cursor: written, CursorVersion: 1}).DecodeCursor(&again); err != nil {
			t.Fatalf("does not read what it wrote, %s: %v", written, err)
		}
		if diff := cmp.Diff(at, again, cmp.AllowUnexported(cursor{})); diff != "" {
			t.Errorf("cursor (-read +written and read):\n%s", diff)
		}
		var want []snapshot.Path
		for _, path := range paths(t, src, "") {
			if path > at.After {
				want = append(want, path)
			}
		}
		if got := paths(t, src, at.After); !slices.Equal(got, want) {
			t.Errorf("after %q comes %q, want %q", at.After, got, want)
		}
		goOn(t, src, at.place)
	})
}

// goOn fills packs from a place to the end of a small tree. All of it can be read, so there is nothing wrong
// but with the file that the place is in.
func goOn(t *testing.T, src source, from place) {
	t.Helper()
	f := filler{source: src, walk: src.walk(from.After), at: from}
	for range 5 {
		b := f.fill(t.Context(), nil)
		if b.err != nil {
			t.Fatalf("from %+v: %v", from, b.err)
		}
		problems := b.pack.Problems()
		delete(problems, from.After)
		if len(problems) > 0 {
			t.Errorf("from %+v: %v", from, problems)
		}
		if b.end {
			return
		}
	}
	t.Errorf("from %+v: no end after five packs", from)
}
