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
	// maxLines is how many lines a second are logged of one slot: one that floods its output must not fill
	// the machine's log nor keep the supervisor busy.
	maxLines = 200
)

// output logs what a slot prints and remembers its last words.
type output struct {
	log  *slog.Logger
	tail child.Tail

	second time.Time // in which the next two were counted
	logged int
	lost   int
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
