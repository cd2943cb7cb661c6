package backup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

func TestBadPayloads(t *testing.T) {
	newBucket(t, "bad")
	aFile := filepath.Join(makeTree(t, map[string]int{"f": 1}), "f")
	for _, test := range []struct{ payload, want string }{
		{`{}`, "needs a source"},
		{`[]`, "cannot unmarshal array"},
		{`{"source": {}}`, `needs either "directory" or "s3"`},
		{`{"source": {"directory": "/tmp", "s3": {"bucket": "b"}}}`, `needs either "directory" or "s3"`},
		{`{"source": {"directory": "tmp"}}`, `"tmp" is not an absolute path`},
		{`{"source": {"direktory": "/tmp"}}`, `unknown field "direktory"`},
		{`{"source": {"directory": "/tmp"}, "mode": 1}`, `unknown field "mode"`},
		{`{"source": {"directory": "/no/such/folder"}}`, "no such file or directory"},
		{`{"source": {"directory": "` + aFile + `"}}`, "not a directory"},
		{`{"source": {"s3": {"prefix": "a/"}}}`, "source.s3.bucket: is missing"},
		{`{"source": {"s3": {"bucket": "b", "prefix": "a"}}}`, `"a" does not end in "/"`},
		{`{"source": {"s3": {"bucket": "no-such-bucket"}}}`, "NoSuchBucket"},
		{`{"source": {"s3": {"bucket": "bad"}}}`, "holds the snapshots themselves"},
		{`{"source": {"s3": {"bucket": "bad", "prefix": "backup/packs/"}}}`, "holds the snapshots themselves"},
	} {
		job := newJob(t, "bad", "")
		job.Payload = json.RawMessage(test.payload)
		err := failure(t, &job)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.payload, err, test.want)
		}
		if !processor.IsPermanent(err) {
			t.Errorf("%s: %v would be tried again", test.payload, err)
		}
	}
}

// failure opens a job and does one step.
func failure(t *testing.T, job *processor.Job) error {
	t.Helper()
	s, err := New().Open(t.Context(), job)
	if err != nil {
		return err
	}
	_, err = s.Step(t.Context())
	return errors.Join(err, s.Close())
}

// TestVanishedSourceIsNotAnEmptyOne takes the folder away in mid job.
func TestVanishedSourceIsNotAnEmptyOne(t *testing.T) {
	newBucket(t, "vanished")
	root := makeTree(t, map[string]int{"a": snapshot.MaxPack, "b": 100, "c/d": 100})
	job := newJob(t, "vanished", directorySource(root))
	s, err := New().Open(t.Context(), &job)
	if err != nil {
		t.Fatal(err)
	}
	step, err := s.Step(t.Context())
	if err != nil || step.Done {
		t.Fatalf("%+v, %v", step, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if job.Cursor, err = json.Marshal(step.Cursor); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := failure(t, &job); !errors.Is(err, fs.ErrNotExist) || processor.IsPermanent(err) {
		t.Errorf("resuming without the source: %v; want one that is worth another try", err)
	}
}

// TestSourceChangesWhileItIsRead changes the tree between two packs.
func TestSourceChangesWhileItIsRead(t *testing.T) {
	const size = 2*snapshot.MaxPack + 10
	for name, test := range map[string]struct {
		change func(root string) error
		want   string // the problem of "big"
		err    bool
	}{
		"vanished":      {func(root string) error { return os.Remove(filepath.Join(root, "big")) }, "vanished before it was read", false},
		"other content": {func(root string) error { return os.WriteFile(filepath.Join(root, "big"), noise("other", size), 0o640) }, "changed while it was read", false},
		"now a folder": {func(root string) error {
			return errors.Join(os.Remove(filepath.Join(root, "big")), os.Mkdir(filepath.Join(root, "big"), 0o755))
		}, "changed while it was read", false},
		"now a pipe": {func(root string) error {
			return errors.Join(os.Remove(filepath.Join(root, "big")), syscall.Mkfifo(filepath.Join(root, "big"), 0o600))
		}, "changed while it was read", false},
		"source gone": {os.RemoveAll, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			root := makeTree(t, map[string]int{"big": size, "c": 3})
			src, err := openDirectory(root)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close() }()
			f := filler{source: src, walk: src.walk("")}
			if b := f.fill(t.Context(), nil); b.err != nil || b.at.Offset != snapshot.MaxPack {
				t.Fatalf("%+v", b)
			}
			if err := test.change(root); err != nil {
				t.Fatal(err)
			}
			b := f.fill(t.Context(), nil)
			if (b.err != nil) != test.err {
				t.Fatalf("error %v", b.err)
			}
			if test.err {
				return
			}
			if got := b.pack.Problems(); got["big"] != test.want {
				t.Errorf("problems %q, want %q", got, test.want)
			}
			if b.at.After != "c" {
				t.Errorf("the backup did not go on: %+v", b.at)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	d, err := openDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	got, err := d.problem(&fs.PathError{Op: "openat", Path: "x", Err: syscall.EACCES})
	if want := "cannot be read: permission denied"; got != want || err != nil {
		t.Errorf("problem() = %q, %v; want %q", got, err, want)
	}
}

// TestWalkResumesAnywhere resumes after each entry, and after names that are not there.
func TestWalkResumesAnywhere(t *testing.T) {
	root := oddTree(t)
	src, err := openDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	all := paths(t, src, "")
	if len(all) != len(treeFiles(t, root)) {
		t.Fatalf("the walk gives %q", all)
	}
	for _, after := range append(all, "a", "a/x/", "a/y/zz", "a/zz", "0", "zz", "m", "m/") {
		var want []snapshot.Path
		for _, path := range all {
			if path > after {
				want = append(want, path)
			}
		}
		if got := paths(t, src, after); strings.Join(text(got), "\n") != strings.Join(text(want), "\n") {
			t.Errorf("after %q: %q, want %q", after, got, want)
		}
	}
}

func paths(t *testing.T, src source, after snapshot.Path) []snapshot.Path {
	t.Helper()
	var all []snapshot.Path
	for w := src.walk(after); ; {
		e, err := w.next(context.Background())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all
		}
		all = append(all, e.Path)
	}
}

func text(paths []snapshot.Path) []string {
	s := make([]string, len(paths))
	for i, p := range paths {
		s[i] = string(p)
	}
	return s
}
