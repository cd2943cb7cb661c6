package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

func TestBackupHoldsTheTree(t *testing.T) {
	client := newBucket(t, "tree")
	root := oddTree(t)
	last, _ := runJob(t, newJob(t, "tree", directorySource(root)))
	if want := "backup/snapshots/j/1.json"; last.Manifest != want {
		t.Errorf("the last cursor names %q, want %q", last.Manifest, want)
	}
	want := treeFiles(t, root)
	if diff := cmp.Diff(want, snapshotFiles(t, snapshot.NewBucket(client, "tree"), last.Manifest)); diff != "" {
		t.Error(diff)
	}
	if last.Counts.Entries != int64(len(want)) || last.Counts.Problems != 0 {
		t.Errorf("counts %+v, the tree has %d entries", last.Counts, len(want))
	}
}

// finished reads the snapshot that a job's last cursor names.
func finished(t *testing.T, objects snapshot.Objects) func(json.RawMessage) any {
	return func(last json.RawMessage) any {
		var c cursor
		if err := json.Unmarshal(last, &c); err != nil {
			t.Fatal(err)
		}
		return snapshotFiles(t, objects, c.Manifest)
	}
}

func TestConformance(t *testing.T) {
	client := newBucket(t, "conformance")
	root := oddTree(t)
	runs := 0
	processortest.Check(t, processortest.Case{Processor: New(), New: func(t *testing.T) (processor.Job, func(json.RawMessage) any) {
		runs++
		job := newJob(t, "conformance", directorySource(root))
		job.ID = fmt.Sprintf("run-%d", runs)
		job.Epoch = 0
		return job, finished(t, snapshot.NewBucket(client, "conformance"))
	}})
}

func TestUnchangedPacksAreShared(t *testing.T) {
	newBucket(t, "shared")
	sizes := map[string]int{}
	for n := range 400 {
		sizes[fmt.Sprintf("folder-%d/file-%03d", n/100, n)] = 30_000 + n*64
	}
	root := makeTree(t, sizes)
	first, longest := runJob(t, newJob(t, "shared", directorySource(root)))
	if first.Segments < 8 || first.Counts.Reused != 0 {
		t.Fatalf("first backup: %+v", first)
	}
	if longest > 300 {
		t.Errorf("a cursor of %d bytes", longest)
	}
	again, _ := runJob(t, newJob(t, "shared", directorySource(root)))
	if again.Counts.Uploaded != 0 || again.Counts.Reused != first.Counts.Uploaded {
		t.Errorf("backup of the same tree: %+v, first %+v", again.Counts, first.Counts)
	}
	if err := os.WriteFile(filepath.Join(root, "folder-1", "file-120-new"), noise("new", 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	inserted, _ := runJob(t, newJob(t, "shared", directorySource(root)))
	if inserted.Counts.Uploaded == 0 || inserted.Counts.Uploaded > first.Counts.Uploaded/2 {
		t.Errorf("backup after one new file: %+v, first %+v", inserted.Counts, first.Counts)
	}
}

// TestStopsAtOnceWhenDraining stops a backup within a pack that was far from full.
func TestStopsAtOnceWhenDraining(t *testing.T) {
	client := newBucket(t, "draining")
	root := makeTree(t, map[string]int{"a": 100, "b": 100})
	job := newJob(t, "draining", directorySource(root))
	drain := make(chan struct{})
	close(drain)
	job.Draining = drain
	s, err := New().Open(t.Context(), &job)
	if err != nil {
		t.Fatal(err)
	}
	step, err := s.Step(t.Context())
	if err != nil || step.Done || step.Cursor == nil {
		t.Errorf("step while draining: %+v, %v", step, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	resumed := newJob(t, "draining", directorySource(root))
	if resumed.Cursor, err = json.Marshal(step.Cursor); err != nil {
		t.Fatal(err)
	}
	last, _ := runJob(t, resumed)
	if diff := cmp.Diff(treeFiles(t, root), snapshotFiles(t, snapshot.NewBucket(client, "draining"), last.Manifest)); diff != "" {
		t.Error(diff)
	}
}

func TestBucketAsSource(t *testing.T) {
	client := newBucket(t, "artifacts")
	newBucket(t, "customer")
	want := map[string]string{}
	for key, size := range map[string]int{
		"mail/a": 10, "mail/a/b": 20, "mail/a-": 30, "mail/empty": 0, "mail/folder/": 0, "mail/": 0,
		"mail/large": snapshot.MaxPack + 100, "mailbox": 5, "other": 5,
	} {
		body := noise(key, size)
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("customer"), Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		if name, inside := strings.CutPrefix(key, "mail/"); inside && name != "" {
			want[name] = fmt.Sprintf("%x", sha256.Sum256(body))
		}
	}
	want["folder/"] = "" // a folder has no contents
	job := newJob(t, "artifacts", `{"s3": {"bucket": "customer", "prefix": "mail/"}}`)
	last, _ := runJob(t, job)
	got := map[string]string{}
	for path, f := range snapshotFiles(t, snapshot.NewBucket(client, "artifacts"), last.Manifest) {
		got[path] = f.Content + f.Problem
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	runs := 0
	processortest.Check(t, processortest.Case{Processor: New(), New: func(t *testing.T) (processor.Job, func(json.RawMessage) any) {
		runs++
		job := job
		job.ID, job.Epoch = fmt.Sprintf("run-%d", runs), 0
		return job, finished(t, snapshot.NewBucket(client, "artifacts"))
	}})
}
