package slot

import (
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/child"
)

const (
	lastLines = 5 // kept for the reason of the slot's end
	// outputWindow and mostOutput say how much is logged of one slot and its programs: one that floods its output must not
	// fill the machine's log, cost its storage, or keep the supervisor busy.
	outputWindow = time.Minute
	mostOutput   = 1 << 20 // bytes in a window
	// lineCost is what a line costs beside its text: the time, the slot and what else the log adds.
	lineCost = 200 // bytes
)

// output logs what a slot prints and remembers its last words.
type output struct {
	log  *slog.Logger
	tail child.Tail

	window    time.Time // when it began; the next three count from then on
	logged    int       // bytes
	lost      int       // lines, or pieces of long ones
	lostBytes int
}

func newOutput(log *slog.Logger) *output {
	return &output{log: log, tail: child.Tail{Lines: lastLines, Panic: true}}
}

// read logs what the slot with this number prints.
func (o *output) read(from io.Reader, pid int) {
	o.log = o.log.With("slot_pid", pid)
	o.tail.Read(from, func(piece []byte) {
		if line := strings.TrimSpace(string(piece)); line != "" { // long lines come in pieces
			o.pass(line, time.Now())
		}
	})
	o.reportLost()
}

// pass logs a line unless this minute has no room for it.
func (o *output) pass(line string, now time.Time) {
	if now.Sub(o.window) >= outputWindow {
		o.reportLost()
		o.window, o.logged = now, 0
	}
	if o.lost > 0 || o.logged+len(line)+lineCost > mostOutput {
		o.lost, o.lostBytes = o.lost+1, o.lostBytes+len(line)
		return
	}
	o.logged += len(line) + lineCost
	o.log.Info("slot output", "line", line)
}

// reportLost logs how much was not.
func (o *output) reportLost() {
	if o.lost > 0 {
		o.log.Warn("slot prints too much: lines left out", "lines", o.lost, "bytes", o.lostBytes, "limit_bytes_per_minute", mostOutput)
		o.lost, o.lostBytes = 0, 0
	}
}
