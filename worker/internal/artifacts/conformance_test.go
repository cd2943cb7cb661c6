package artifacts_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/internal/artifacts"
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/processor/processortest"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// store is an implementation with what the tests do behind its back.
type store struct {
	processor.Artifacts
	foreign    func(key, content string) // as another content type wrote it
	endUploads func()                    // as the bucket's rule does
}

// implementations are held to the same cases, each with a bucket of its own. The content type is mail.
var implementations = map[string]func(t *testing.T) store{
	"memory": func(*testing.T) store {
		a := processortest.NewArtifacts("mail")
		return store{a, func(key, content string) { a.Set(key, []byte(content)) }, a.EndUploads}
	},
	"local AWS": func(t *testing.T) store {
		cfg := localaws.StartT(t).ConfigT(t)
		client, bucket := s3.NewFromConfig(cfg), "artifacts-"+hex.EncodeToString(random(8))
		localaws.Call(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: &bucket})
		return store{artifacts.New(cfg, bucket, "mail"), func(key, content string) {
			localaws.Call(t, client.PutObject, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)})
		}, func() {
			for _, u := range localaws.Call(t, client.ListMultipartUploads, &s3.ListMultipartUploadsInput{Bucket: &bucket}).Uploads {
				localaws.Call(t, client.AbortMultipartUpload, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId})
			}
		}}
	},
}

func random(n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	return text
}

func TestConformance(t *testing.T) {
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) {
			for part, test := range map[string]func(*testing.T, store){
				"objects": testObjects, "large objects": testLarge, "keys": testKeys, "lists": testLists, "uploads": testUploads, "uploads that end": testUploadsThatEnd,
			} {
				t.Run(part, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
}

func put(t *testing.T, s store, key string, content []byte) processor.Object {
	t.Helper()
	// A reader without a size, as an author's may be.
	object, err := s.Put(t.Context(), key, io.MultiReader(bytes.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if object.Key != key || object.Size != int64(len(content)) || object.SHA256 != hex.EncodeToString(sum[:]) || object.ETag == "" {
		t.Errorf("put %d bytes: %+v", len(content), object)
	}
	return object
}

func read(t *testing.T, s store, key string, from int64) ([]byte, processor.Object) {
	t.Helper()
	r, object, err := s.Open(t.Context(), key, from)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return content, object
}

func testObjects(t *testing.T, s store) {
	for _, content := range [][]byte{{}, []byte("seven b")} {
		key := "mail/a b/" + string(content)
		object := put(t, s, key, content)
		got, found := read(t, s, key, 0)
		if diff := cmp.Diff(object, found); diff != "" || !bytes.Equal(got, content) {
			t.Errorf("read %q (-put +read):\n%s", got, diff)
		}
		again := put(t, s, key, content)
		if diff := cmp.Diff(object, again); diff != "" {
			t.Errorf("put again (-first +again):\n%s", diff)
		}
		if _, err := s.Put(t.Context(), key, strings.NewReader("another")); !errors.Is(err, processor.ErrDiffers) {
			t.Errorf("put something else: error %v", err)
		}
	}
	for from, want := range map[int64]string{3: "en b", 6: "b", 7: ""} {
		if got, object := read(t, s, "mail/a b/seven b", from); string(got) != want || object.Size != 7 || object.ETag == "" {
			t.Errorf("from %d: %q, %+v", from, got, object)
		}
	}
	if _, _, err := s.Open(t.Context(), "mail/a b/seven b", 8); err == nil {
		t.Error("read from behind the end")
	}
	if _, _, err := s.Open(t.Context(), "mail/none", 0); !errors.Is(err, processor.ErrNoObject) {
		t.Errorf("read nothing: error %v", err)
	}
	if _, err := s.Put(t.Context(), "mail/broken", io.MultiReader(strings.NewReader("a"), broken{})); !errors.Is(err, errBroken) {
		t.Errorf("put what cannot be read: error %v", err)
	}
	if _, _, err := s.Open(t.Context(), "mail/broken", 0); !errors.Is(err, processor.ErrNoObject) {
		t.Errorf("read what could not be put: error %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(cancelled, "mail/late", strings.NewReader("")); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the caller had given up: error %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// Objects of more than 8 MiB go in parts, also where the last one is full.
func testLarge(t *testing.T, s store) {
	for _, size := range []int{8 << 20, 8<<20 + 1, 17 << 20} {
		content, key := random(size), "mail/large-"+hex.EncodeToString(random(4))
		object := put(t, s, key, content)
		got, found := read(t, s, key, 0)
		if !bytes.Equal(got, content) || found.Size != object.Size || found.ETag != object.ETag {
			t.Errorf("%d bytes: put %+v, read %+v", size, object, found)
		}
		put(t, s, key, content)
		content[size-1]++
		if _, err := s.Put(t.Context(), key, bytes.NewReader(content)); !errors.Is(err, processor.ErrDiffers) {
			t.Errorf("%d bytes, put something else: error %v", size, err)
		}
	}
}

func testKeys(t *testing.T, s store) {
	for _, key := range []string{"", "mail", "mail/", "docs/a", "mailbox/a", "/mail/a", "mail/" + strings.Repeat("k", 1020), "mail/\xff"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("")); err == nil || !strings.HasPrefix(err.Error(), "key ") {
			t.Errorf("put %.20q: error %v", key, err)
		}
		if _, err := s.Upload(t.Context(), key, nil); err == nil || !strings.HasPrefix(err.Error(), "key ") {
			t.Errorf("upload %.20q: error %v", key, err)
		}
	}
	for _, key := range []string{"", "mail", "/mail/a"} {
		if _, _, err := s.Open(t.Context(), key, 0); err == nil || !strings.HasPrefix(err.Error(), "key ") {
			t.Errorf("open %.20q: error %v", key, err)
		}
	}
	put(t, s, "mail/"+strings.Repeat("k", 1019), nil)
	put(t, s, "mail/é +%/..?", nil)
	s.foreign("docs/of another", "its text")
	if got, _ := read(t, s, "docs/of another", 4); string(got) != "text" {
		t.Errorf("read %q", got)
	}
}

func testLists(t *testing.T, s store) {
	for _, key := range []string{"mail/b/2", "mail/a", "mail/b/10", "mail/b", "mail/b/é", "mail/bz"} {
		put(t, s, key, []byte(key))
	}
	s.foreign("docs/of another", "")
	for _, c := range []struct {
		prefix, after string
		want          []string
	}{
		{"mail/", "", []string{"mail/a", "mail/b", "mail/b/10", "mail/b/2", "mail/b/é", "mail/bz"}},
		{"mail/b/", "", []string{"mail/b/10", "mail/b/2", "mail/b/é"}},
		{"mail/b/", "mail/b/10", []string{"mail/b/2", "mail/b/é"}},
		{"mail/b/", "mail/b/11", []string{"mail/b/2", "mail/b/é"}},
		{"mail/c", "", nil},
		{"docs/", "", []string{"docs/of another"}},
	} {
		var got []string
		for object, err := range s.List(t.Context(), c.prefix, c.after) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, object.Key); object.Key != "docs/of another" && object.Size != int64(len(object.Key)) || object.ETag == "" {
				t.Errorf("listed %+v", object)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s after %q (-want +got):\n%s", c.prefix, c.after, diff)
		}
	}
	for _, err := range s.List(t.Context(), "mail/", "") {
		if err != nil {
			t.Error(err)
		}
		break // nothing more is asked for
	}
	for _, err := range s.List(t.Context(), "mail", "") {
		if err == nil {
			t.Error("listed without a content type")
		}
	}
}

func testUploads(t *testing.T, s store) {
	full, other, rest := random(5<<20), random(5<<20), random(7)
	up := begin(t, s, "mail/one", nil)
	if _, err := up.Complete(t.Context()); err == nil {
		t.Error("completed without a part")
	}
	part(t, up, 2, rest) // in any order, by any process
	up = begin(t, s, "mail/one", up.State())
	part(t, up, 1, other)
	part(t, up, 1, full) // a step that was done again
	for _, number := range []int{0, -1, 10_001} {
		if err := up.Part(t.Context(), number, full); err == nil {
			t.Errorf("part %d was sent", number)
		}
	}
	for range 2 { // the second after an answer that was lost
		object, err := up.Complete(t.Context())
		if err != nil || object.Size != 5<<20+7 || object.Key != "mail/one" || object.ETag == "" {
			t.Fatalf("completed: %+v, error %v", object, err)
		}
	}
	part(t, begin(t, s, "mail/one", up.State()), 2, rest) // the last step again, from its cursor
	if got, _ := read(t, s, "mail/one", 0); !bytes.Equal(got, slices.Concat(full, rest)) {
		t.Errorf("read %d bytes that differ", len(got))
	}
	same, another := begin(t, s, "mail/one", nil), begin(t, s, "mail/one", nil)
	part(t, same, 1, full)
	part(t, same, 2, rest)
	if _, err := same.Complete(t.Context()); err != nil {
		t.Errorf("the same content under a key that is taken: %v", err)
	}
	part(t, another, 1, rest)
	if _, err := another.Complete(t.Context()); !errors.Is(err, processor.ErrDiffers) {
		t.Errorf("another content under a key that is taken: error %v", err)
	}
	for _, state := range []string{`{}`, `7`, `{"key": "mail/two"}`} {
		if _, err := s.Upload(t.Context(), "mail/one", json.RawMessage(state)); err == nil {
			t.Errorf("went on from the state %s", state)
		}
	}
	if n := len(up.State()); n > 1000 || !json.Valid(up.State()) {
		t.Errorf("a state of %d bytes", n)
	}
}

func testUploadsThatEnd(t *testing.T, s store) {
	up := begin(t, s, "mail/gone", nil)
	part(t, up, 1, []byte("a"))
	s.endUploads()
	if err := up.Part(t.Context(), 2, nil); !errors.Is(err, processor.ErrNoUpload) {
		t.Errorf("part: error %v", err)
	}
	if _, err := up.Complete(t.Context()); !errors.Is(err, processor.ErrNoUpload) {
		t.Errorf("complete: error %v", err)
	}
}

func begin(t *testing.T, s store, key string, state json.RawMessage) processor.Upload {
	t.Helper()
	up, err := s.Upload(t.Context(), key, state)
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func part(t *testing.T, up processor.Upload, number int, body []byte) {
	t.Helper()
	if err := up.Part(t.Context(), number, body); err != nil {
		t.Fatal(err)
	}
}
