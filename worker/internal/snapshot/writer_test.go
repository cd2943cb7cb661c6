package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// memory is a bucket for tests that make hundreds of objects or let some fail.
type memory struct{ objects sync.Map }

func (m *memory) PutOnce(_ context.Context, key string, body []byte) (bool, error) {
	there, found := m.objects.LoadOrStore(key, body)
	if found && !bytes.Equal(there.([]byte), body) {
		return false, ErrDiffers
	}
	return !found, nil
}

func (m *memory) Put(_ context.Context, key string, body []byte) error {
	m.objects.Store(key, body)
	return nil
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	body, found := m.objects.Load(key)
	if !found {
		return nil, ErrNoSuchObject
	}
	return body.([]byte), nil
}

func (m *memory) List(context.Context, string) ([]string, error) { return nil, errors.ErrUnsupported }

// TestChain goes over the bounds at which segments name other ones, with a new writer each time.
func TestChain(t *testing.T) {
	b := &memory{}
	var at Position
	var want [][2]string
	for n := range 2*links + 3 {
		w := newWriter(t, b, at)
		path := fmt.Sprintf("%05d", n)
		write(t, w, seal(func(p *Pack) { p.Add(Entry{Path: Path(path), Kind: Dir}, 0) }))
		want = append(want, [2]string{path, ""})
		at = w.Position()
		if diff := cmp.Diff(want, finish(t, b, w, int64(n+1))); diff != "" {
			t.Fatalf("%d segments: %s", n+1, diff)
		}
	}
}

// failing fails to write keys with that part in them.
type failing struct {
	*memory
	part string
}

func (f failing) Put(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, f.part) {
		return errors.New("no connection")
	}
	return f.memory.Put(ctx, key, body)
}

func (f failing) PutOnce(ctx context.Context, key string, body []byte) (bool, error) {
	if strings.Contains(key, f.part) {
		return false, errors.New("no connection")
	}
	return f.memory.PutOnce(ctx, key, body)
}

// TestPositionIsDurable holds the rule that no cursor is saved before its output.
func TestPositionIsDurable(t *testing.T) {
	for _, part := range []string{"/packs/", "/segments/", "/snapshots/"} {
		t.Run(part, func(t *testing.T) {
			b := &memory{}
			w := newWriter(t, b, Position{})
			write(t, w, seal(file("a", "alpha")))
			before := w.Position()
			w.objects = failing{b, part}
			if part == "/snapshots/" {
				if _, err := w.Finish(t.Context(), Manifest{Job: "j", Epoch: 1, Source: json.RawMessage(`{}`)}); err == nil {
					t.Error("finished without a manifest")
				}
			} else if _, err := w.Append(t.Context(), seal(file("b", "beta"))); err == nil {
				t.Error("appended without " + part)
			}
			if w.Position() != before {
				t.Errorf("position %+v, want %+v", w.Position(), before)
			}
			w.objects = b
			write(t, w, seal(file("b", "beta")))
			if diff := cmp.Diff([][2]string{{"a", "alpha"}, {"b", "beta"}}, finish(t, b, w, 2)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
