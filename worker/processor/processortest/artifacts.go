package processortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/worker-tier/worker-tier/worker/internal/artifacts/keys"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// Artifacts keeps a content type's objects in memory, for tests. It is held to the same cases as those in S3.
type Artifacts struct {
	// Faults chooses the trouble of each call; nil: there is none. It is called by one goroutine at a time.
	Faults func(Call) Fault

	contentType string

	mu      sync.Mutex
	objects map[string][]byte
	uploads map[string]*memoryUpload
	calls   int
}

var _ processor.Artifacts = (*Artifacts)(nil)

// NewArtifacts has no objects. Only keys below "<contentType>/" can be written by a job.
func NewArtifacts(contentType string) *Artifacts {
	return &Artifacts{contentType: contentType, objects: map[string][]byte{}, uploads: map[string]*memoryUpload{}}
}

// Objects are all objects by key, for the output that [Check] compares.
func (a *Artifacts) Objects() map[string][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.objects)
}

// Set makes an object, for example one of another content type that the job reads.
func (a *Artifacts) Set(key string, content []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects[key] = bytes.Clone(content)
}

// Put writes an object.
func (a *Artifacts) Put(ctx context.Context, key string, body io.Reader) (processor.Object, error) {
	if err := keys.Check(key, a.contentType); err != nil {
		return processor.Object{}, err
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return processor.Object{}, fmt.Errorf("read what is written to %s: %w", key, err)
	}
	var object processor.Object
	err = a.call(ctx, Put, key, func() (err error) {
		object, err = a.put(key, content)
		return err
	})
	return object, err
}

func (a *Artifacts) put(key string, content []byte) (processor.Object, error) {
	if there, ok := a.objects[key]; ok && !bytes.Equal(there, content) {
		return processor.Object{}, fmt.Errorf("write %s: %w", key, processor.ErrDiffers)
	}
	a.objects[key] = content
	return objectOf(key, content), nil
}

func objectOf(key string, content []byte) processor.Object {
	sum := sha256.Sum256(content)
	text := hex.EncodeToString(sum[:])
	return processor.Object{Key: key, Size: int64(len(content)), SHA256: text, ETag: strconv.Quote(text[:32])}
}

// Open reads an object from an offset.
func (a *Artifacts) Open(ctx context.Context, key string, from int64) (io.ReadCloser, processor.Object, error) {
	if err := keys.CheckRead(key); err != nil {
		return nil, processor.Object{}, err
	}
	var text []byte
	fault, err := a.trouble(ctx, Open, key, func() error {
		var ok bool
		if text, ok = a.objects[key]; !ok {
			return fmt.Errorf("read %s: %w", key, processor.ErrNoObject)
		}
		return nil
	})
	if err != nil {
		return nil, processor.Object{}, err
	}
	if from > int64(len(text)) {
		return nil, processor.Object{}, fmt.Errorf("read %s: offset %d is behind its end at %d", key, from, len(text))
	}
	object := objectOf(key, text)
	if from > 0 {
		object.SHA256 = ""
	}
	return &content{ctx: ctx, rest: text[from:], fault: fault}, object, nil
}

// List gives the objects below prefix.
func (a *Artifacts) List(ctx context.Context, prefix, after string) iter.Seq2[processor.Object, error] {
	return func(yield func(processor.Object, error) bool) {
		err := keys.CheckRead(prefix)
		var found []processor.Object
		if err == nil {
			err = a.call(ctx, List, prefix, func() error {
				for key, content := range a.objects {
					if strings.HasPrefix(key, prefix) && key > after {
						object := objectOf(key, content)
						object.SHA256 = ""
						found = append(found, object)
					}
				}
				return nil
			})
		}
		if err != nil {
			yield(processor.Object{}, err)
			return
		}
		slices.SortFunc(found, func(a, b processor.Object) int { return strings.Compare(a.Key, b.Key) })
		for _, object := range found {
			if !yield(object, nil) {
				return
			}
		}
	}
}

// Upload begins an object in parts, or goes on with it.
func (a *Artifacts) Upload(ctx context.Context, key string, state json.RawMessage) (processor.Upload, error) {
	if err := keys.Check(key, a.contentType); err != nil {
		return nil, err
	}
	at := uploadState{Key: key}
	if state != nil {
		if err := json.Unmarshal(state, &at); err != nil {
			return nil, fmt.Errorf("state of the upload of %s: %w", key, err)
		}
		if at.Key != key || at.Upload == "" {
			return nil, fmt.Errorf("state of the upload of %s: is that of %q", key, at.Key)
		}
		return &memoryHandle{a, at}, nil
	}
	err := a.call(ctx, Upload, key, func() error {
		at.Upload = strconv.Itoa(len(a.uploads) + 1)
		a.uploads[at.Upload] = &memoryUpload{parts: map[int][]byte{}}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &memoryHandle{a, at}, nil
}
