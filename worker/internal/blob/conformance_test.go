package blob_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

type objects interface {
	Put(ctx context.Context, key string, content []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
}

// implementations are held to the same cases, each on a store of its own.
var implementations = map[string]func(t *testing.T) objects{
	"memory": func(*testing.T) objects { return blob.NewMemory() },
	"local AWS": func(t *testing.T) objects {
		cfg := localaws.StartT(t).ConfigT(t)
		client := s3.NewFromConfig(cfg)
		bucket := "blobs-" + strings.ToLower(rand.Text())
		localaws.Call(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: &bucket})
		return blob.NewS3(client, bucket)
	},
}

func TestConformance(t *testing.T) {
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			if _, err := o.Get(t.Context(), "jobs/mail/one/cursor"); !errors.Is(err, blob.ErrMissing) {
				t.Errorf("reading nothing: error %v", err)
			}
			content := []byte(strings.Repeat("x", 1<<20))
			if err := o.Put(t.Context(), "jobs/mail/one/cursor", content); err != nil {
				t.Fatal(err)
			}
			if got, err := o.Get(t.Context(), "jobs/mail/one/cursor"); err != nil || string(got) != string(content) {
				t.Errorf("read %d bytes, error %v", len(got), err)
			}
			if err := o.Put(t.Context(), "jobs/mail/one/cursor", content); err != nil {
				t.Errorf("the same once more: %v", err)
			}
			if err := o.Put(t.Context(), "jobs/mail/one/cursor", content[1:]); !errors.Is(err, blob.ErrDiffers) {
				t.Errorf("another content under the same name: error %v", err)
			}
			if got, err := o.Get(t.Context(), "jobs/mail/one/cursor"); err != nil || len(got) != len(content) {
				t.Errorf("after that there are %d bytes of %d, error %v", len(got), len(content), err)
			}
			if _, err := o.Get(t.Context(), "jobs/mail/two/cursor"); !errors.Is(err, blob.ErrMissing) {
				t.Errorf("reading another: error %v", err)
			}
			for range 2 {
				if err := o.Delete(t.Context(), "jobs/mail/one/cursor"); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
			if _, err := o.Get(t.Context(), "jobs/mail/one/cursor"); !errors.Is(err, blob.ErrMissing) {
				t.Errorf("reading what was deleted: error %v", err)
			}
			if err := o.Put(t.Context(), "jobs/mail/one/cursor", content[1:]); err != nil {
				t.Errorf("another content where the first was deleted: %v", err)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if err := o.Put(cancelled, "jobs/mail/one/late", nil); err == nil {
				t.Error("written although the caller had given up")
			}
		})
	}
}
