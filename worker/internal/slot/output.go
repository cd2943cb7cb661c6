package slot

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
)

const (
	maxOutputLine = 8 << 10 // longer lines are logged in pieces
	lastLines     = 5       // kept for the reason of the slot's end
)

// output logs what a slot prints and remembers its last words.
type output struct {
	log *slog.Logger

	mu    sync.Mutex
	cause string // the line that begins a panic
	tail  []string
}

func newOutput(log *slog.Logger) *output { return &output{log: log} }

func (o *output) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, maxOutputLine)
	for {
		piece, err := lines.ReadSlice('\n')
		if line := strings.TrimSpace(string(piece)); line != "" {
			o.log.Info("slot output", "line", line)
			o.remember(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return // the end, or endReading's deadline
		}
	}
}

func (o *output) remember(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
		o.cause, o.tail = line, nil
	}
	if o.cause != "" && len(o.tail) == lastLines {
		return // the frames next to a panic's cause tell more than the last ones
	}
	if len(o.tail) == lastLines {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, line)
}

// last is what the slot said at its end: a panic with its first frames, or the last lines.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.tail, " | ")
}
