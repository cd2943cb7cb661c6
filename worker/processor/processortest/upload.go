package processortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/worker-tier/worker-tier/internal/plainjson"
	"github.com/worker-tier/worker-tier/worker/internal/artifacts/keys"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// memoryUpload is an object in parts, as [Artifacts] keeps it.
type memoryUpload struct {
	parts     map[int][]byte
	completed bool
}

type uploadState struct {
	Key    string `json:"key"`
	Upload string `json:"upload"`
}

// memoryHandle is one process's upload.
type memoryHandle struct {
	a  *Artifacts
	at uploadState
}

func (h *memoryHandle) State() json.RawMessage {
	text, _ := plainjson.Marshal(h.at) // two texts
	return text
}

func (h *memoryHandle) Part(ctx context.Context, number int, body []byte) error {
	if err := keys.CheckPart(h.at.Key, number); err != nil {
		return err
	}
	return h.a.call(ctx, Part, h.at.Key, func() error {
		u, err := h.a.upload(h.at)
		if err == nil && !u.completed {
			u.parts[number] = bytes.Clone(body)
		}
		return err
	})
}

func (h *memoryHandle) Complete(ctx context.Context) (processor.Object, error) {
	var object processor.Object
	err := h.a.call(ctx, Complete, h.at.Key, func() error {
		u, err := h.a.upload(h.at)
		if err != nil {
			return err
		}
		if !u.completed {
			content, err := u.content()
			if err == nil {
				_, err = h.a.put(h.at.Key, content)
			}
			if err != nil {
				return fmt.Errorf("complete %s: %w", h.at.Key, err)
			}
			u.completed = true
		}
		object = objectOf(h.at.Key, h.a.objects[h.at.Key])
		object.SHA256 = ""
		return nil
	})
	return object, err
}

// content are the parts in their order.
func (u *memoryUpload) content() ([]byte, error) {
	numbers := slices.Sorted(maps.Keys(u.parts))
	if len(numbers) == 0 {
		return nil, errors.New("no part was sent")
	}
	var content []byte
	for i, n := range numbers {
		if i < len(numbers)-1 && len(u.parts[n]) < keys.LeastPart {
			return nil, fmt.Errorf("part %d has %d bytes, want at least %d", n, len(u.parts[n]), keys.LeastPart)
		}
		content = append(content, u.parts[n]...)
	}
	return content, nil
}

func (a *Artifacts) upload(at uploadState) (*memoryUpload, error) {
	u := a.uploads[at.Upload]
	if u == nil {
		return nil, fmt.Errorf("write %s: %w", at.Key, processor.ErrNoUpload)
	}
	return u, nil
}

// EndUploads removes what was begun and not completed, as the bucket does after seven days.
func (a *Artifacts) EndUploads() {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.uploads, func(_ string, u *memoryUpload) bool { return !u.completed })
}
