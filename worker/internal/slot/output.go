package slot

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	maxOutputLine = 8 << 10 // longer lines are logged in pieces
	lastLines     = 5       // kept for the reason of the slot's end
	// maxLines is how many lines a second are logged of one slot: one that floods its output must not fill
	// the machine's log nor keep the supervisor busy.
	maxLines = 200
)

// output logs what a slot prints and remembers its last words.
type output struct {
	log *slog.Logger

	second time.Time // in which the next two were counted
	logged int
	lost   int

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
			o.pass(line, time.Now())
			o.remember(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			o.reportLost()
			return // the end, or endReading's deadline
		}
	}
}

// pass logs a line unless there were too many in this second.
func (o *output) pass(line string, now time.Time) {
	if now.Sub(o.second) >= time.Second {
		o.reportLost()
		o.second, o.logged = now, 0
	}
	if o.logged == maxLines {
		o.lost++
		return
	}
	o.logged++
	o.log.Info("slot output", "line", line)
}

// reportLost logs how many lines were not.
func (o *output) reportLost() {
	if o.lost > 0 {
		o.log.Warn("slot prints too much: lines left out", "lines", o.lost)
		o.lost = 0
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
