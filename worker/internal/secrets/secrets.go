// Package secrets reads the secrets of a content type, keeps them for a while, and strikes them out of texts.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// kept is how long a secret is not read again.
const kept = 5 * time.Minute

// Source reads a secret by the name in the configuration.
type Source func(ctx context.Context, name string) (string, error)

// Secrets are those of the jobs of one slot.
type Secrets struct {
	read   Source
	strike *Striker

	mu    sync.Mutex
	known map[string]entry // by name, without a key
}

type entry struct {
	value string
	at    time.Time
}

var _ processor.Secrets = (*Secrets)(nil)

// New reads secrets from a source. strike learns each of them.
func New(read Source, strike *Striker) *Secrets {
	return &Secrets{read: read, strike: strike, known: map[string]entry{}}
}

// Secret reads a secret, "name" or "name#key", unless it was read in the last five minutes.
func (s *Secrets) Secret(ctx context.Context, name string) (processor.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole, _, _ := strings.Cut(name, "#")
	if e, ok := s.known[whole]; ok && time.Since(e.at) < kept {
		return s.part(name, e.value)
	}
	return s.load(ctx, name, whole)
}

// Renew reads a secret again, unless that was done since the refused one was given out.
func (s *Secrets) Renew(ctx context.Context, name string, refused processor.Secret) (processor.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whole, _, _ := strings.Cut(name, "#")
	if e, ok := s.known[whole]; ok {
		if now, err := s.part(name, e.value); err == nil && now != refused {
			return now, nil
		}
	}
	now, err := s.load(ctx, name, whole)
	if err == nil && now == refused {
		err = fmt.Errorf("secret %s: %w", name, processor.ErrSecretRefused)
	}
	return now, err
}

func (s *Secrets) load(ctx context.Context, name, whole string) (processor.Secret, error) {
	value, err := s.read(ctx, whole)
	if err != nil {
		return processor.Secret{}, fmt.Errorf("secret %s: %w", whole, err)
	}
	s.known[whole] = entry{value, time.Now()}
	return s.part(name, value)
}

// part is the secret of a name in what was read. Errors hold nothing of it.
func (s *Secrets) part(name, value string) (processor.Secret, error) {
	whole, key, keyed := strings.Cut(name, "#")
	if keyed {
		var object map[string]any
		if json.Unmarshal([]byte(value), &object) != nil {
			return processor.Secret{}, fmt.Errorf("secret %s: is not a JSON object, so it has no key %q", whole, key)
		}
		text, ok := object[key].(string)
		if !ok {
			return processor.Secret{}, fmt.Errorf("secret %s: has no text under the key %q", whole, key)
		}
		value = text
	}
	if value == "" {
		return processor.Secret{}, fmt.Errorf("secret %s: %w", name, errEmpty)
	}
	s.strike.Learn(value)
	return processor.NewSecret(value), nil
}

var errEmpty = errors.New("is empty")
