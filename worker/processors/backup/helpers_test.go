package backup

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// newBucket makes a bucket on the local AWS and points the default configuration of AWS there.
func newBucket(t testing.TB, name string) *s3.Client {
	t.Helper()
	server := localaws.StartT(t)
	for _, variable := range server.Environ() {
		if key, value, _ := strings.Cut(variable, "="); strings.HasPrefix(key, "AWS_") {
			t.Setenv(key, value)
		}
	}
	cfg := server.ConfigT(t)
	client := snapshot.NewClient(cfg)
	localaws.Call(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: &name})
	return client
}

// newJob is a job that backs up source into the bucket.
func newJob(t testing.TB, bucket, source string) processor.Job {
	t.Helper()
	t.Setenv(contract.EnvArtifactsBucket, bucket)
	return processor.Job{
		ID: "j", ContentType: "backup", Epoch: 1,
		Payload: json.RawMessage(`{"source": ` + source + `}`),
	}
}

func directorySource(dir string) string {
	text, _ := json.Marshal(sourceSpec{Directory: dir}) // strings always marshal
	return string(text)
}

// runJob runs a job to its end and returns its last cursor and the longest one.
func runJob(t testing.TB, job processor.Job) (last cursor, longest int) {
	t.Helper()
	s, err := New().Open(t.Context(), &job)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		step, err := s.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(step.Cursor)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(text))
		if step.Done {
			return step.Cursor.(cursor), longest
		}
	}
}

// file is what a snapshot and a tree are compared by.
type file struct {
	Kind    snapshot.Kind
	Mode    uint32
	Size    int64
	Time    int64
	Content string // SHA-256, or the target of a link
	Problem string
}

func snapshotFiles(t testing.TB, objects snapshot.Objects, key string) map[string]file {
	t.Helper()
	s, err := snapshot.Open(t.Context(), objects, key)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]file{}
	last := snapshot.Path("")
	for e, err := range s.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Path <= last {
			t.Fatalf("%q stands after %q", e.Path, last)
		}
		last = e.Path
		f := file{Kind: e.Kind, Mode: e.Mode, Size: e.Size, Time: e.Modified.UnixNano(), Content: string(e.Target), Problem: e.Problem}
		if e.Kind == snapshot.File {
			sum := sha256.New()
			if err := s.Copy(t.Context(), sum, e); err != nil {
				t.Fatal(err)
			}
			f.Content = fmt.Sprintf("%x", sum.Sum(nil))
		}
		files[string(e.Path)] = f
	}
	return files
}

// treeFiles describes a tree without any code of the processor.
func treeFiles(t testing.TB, root string) map[string]file {
	t.Helper()
	files := map[string]file{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := filepath.ToSlash(path[len(root)+1:])
		f := file{Mode: uint32(info.Mode().Perm()), Time: info.ModTime().UnixNano()}
		switch {
		case d.IsDir():
			f.Kind = snapshot.Dir
			name += "/"
		case d.Type() == fs.ModeSymlink:
			f.Kind = snapshot.Symlink
			f.Content, err = os.Readlink(path)
		default:
			f.Kind, f.Size = snapshot.File, info.Size()
			var content []byte
			content, err = os.ReadFile(path)
			f.Content = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		files[name] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// makeTree writes files of the given sizes, the same contents for the same names.
func makeTree(t testing.TB, sizes map[string]int) string {
	t.Helper()
	root := t.TempDir()
	for name, size := range sizes {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, noise(name, size), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func noise(seed string, size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(content) // never fails
	return content
}

// oddTree has what is easily got wrong: names around the slash in bytewise order, a name that is not
// UTF-8, empty files and folders, links, and a file of several packs.
func oddTree(t testing.TB) string {
	t.Helper()
	root := makeTree(t, map[string]int{
		"a/x": 10, "a-b": 20, "a.c": 30, "a0": 40, "a/y/z": 50, "empty": 0, "not\xffutf8": 60, "big": 2*snapshot.MaxPack + 12345,
		"m/1": 700_000, "m/2": 700_000, "m/3": 3_000_000, "m/4": 6_000_000, "z": 1,
	})
	for _, err := range []error{
		os.Mkdir(filepath.Join(root, "hollow"), 0o700),
		os.Symlink("a/x", filepath.Join(root, "link")),
		os.Symlink("/nowhere/\xfe", filepath.Join(root, "broken")),
		os.Chmod(filepath.Join(root, "a/x"), 0o751),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
