package child

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
)

// longestPiece is the most bytes of a printed line that are read at once.
const longestPiece = 8 << 10

// Tail reads what a process prints and keeps the last lines, which often say why it ended.
type Tail struct {
	Lines int // how many lines are kept
	Width int // bytes of a line that are kept; 0: all, up to 8 KiB
	// Panic keeps the line that begins a panic of the Go runtime, and those after it instead of the last ones: the
	// frames next to a panic's cause tell more.
	Panic bool

	mu      sync.Mutex
	tail    []string
	panicky bool // the first line begins a panic
}

// Read reads to the end, or to the deadline of from, and passes everything on in pieces: lines, or parts of 8 KiB of
// longer ones.
func (t *Tail) Read(from io.Reader, pass func(piece []byte)) {
	lines := bufio.NewReaderSize(from, longestPiece)
	for {
		piece, err := lines.ReadSlice('\n')
		pass(piece)
		if line := strings.TrimSpace(string(piece)); line != "" {
			t.remember(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (t *Tail) remember(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Width > 0 {
		line = line[:min(len(line), t.Width)]
	}
	if t.Panic && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
		t.panicky, t.tail = true, nil
	}
	if len(t.tail) == t.Lines {
		if t.panicky {
			return
		}
		t.tail = t.tail[1:]
	}
	t.tail = append(t.tail, line)
}

// Last is the lines that are kept, with " | " between them; "": nothing was printed.
func (t *Tail) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.tail, " | ")
}
