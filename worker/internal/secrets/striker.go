package secrets

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// shortest is how long a secret is that is struck out, in bytes: a shorter one would make logs unreadable, and is guessed anyway.
const shortest = 4

// Striker puts "***" in the place of secrets. One that is nil knows none.
type Striker struct {
	mu    sync.Mutex
	texts []string // of secrets, as they are and as quoted text holds them, the longest first
}

// Learn adds a secret.
func (s *Striker) Learn(secret string) {
	if len(secret) < shortest {
		return
	}
	quoted := strconv.Quote(secret)
	inJSON, _ := json.Marshal(secret) // a text
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range []string{secret, quoted[1 : len(quoted)-1], string(inJSON[1 : len(inJSON)-1])} {
		if !slices.Contains(s.texts, text) {
			s.texts = append(s.texts, text)
		}
	}
	slices.SortStableFunc(s.texts, func(a, b string) int { return len(b) - len(a) })
}

// Strike is text without the secrets that were learnt.
func (s *Striker) Strike(text string) string {
	if s == nil {
		return text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, processor.Secret{}.String())
	}
	return text
}

// Writer strikes secrets out of each text that is written to it, such as a line of a log.
func (s *Striker) Writer(to io.Writer) io.Writer { return &writer{s, to} }

type writer struct {
	strike *Striker
	to     io.Writer
}

func (w *writer) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.to, w.strike.Strike(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
