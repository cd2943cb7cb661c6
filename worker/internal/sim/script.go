package sim

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// script is a job: what its processor does, and what really happened to it, as the harness knows.
type script struct {
	id       string
	steps    []time.Duration
	byEpoch  bool // outputs carry the epoch in their name; otherwise they are content-addressed
	fails    int  // how often step at fails
	later    int  // how often step at asks to come back later
	laterFor time.Duration
	hangs    int  // how often step at never ends
	long     bool // its cursors are too long for the item
	payload  string
	bad      bool // step at finds that the job can never succeed
	dies     int  // how often step at ends its slot
	poison   bool // opening it takes the whole instance down after a first checkpoint
	at       int

	troubled  bool // by one of these, "later" aside
	version   int
	raised    int64 // failures raised by the processor or the end of its slot
	lost      int64 // reaps of holders that were really lost
	crashes   int64 // of them since the cursor was another one
	crashedAt string
	erased    bool // an operator has begun to erase it
	cancelled bool // an operator asked
	reached   int  // step of the cursor in the table
	ended     bool
	done      bool
	existed   bool
}

// filler makes a payload or a cursor too long for the item.
var filler = strings.Repeat("x", job.InlineCursor)

// newScript draws a job.
func (w *world) newScript(id string) *script {
	s := &script{id: id, byEpoch: w.chance(0.5)}
	longest := []time.Duration{2 * time.Second, 40 * time.Second, 200 * time.Second}[w.random.IntN(3)]
	if w.faults.brink {
		longest = 400 * time.Second
	}
	for range 1 + w.random.IntN(6) {
		s.steps = append(s.steps, w.between(100*time.Millisecond, longest))
	}
	s.at = w.random.IntN(len(s.steps))
	s.long, s.payload = w.chance(0.3), "{}"
	if w.chance(0.3) {
		s.payload = `{"filler":"` + filler + `"}`
	}
	switch w.random.IntN(15) {
	case 0, 1:
		s.fails = 1 + w.random.IntN(3)
	case 2:
		s.fails = math.MaxInt
	case 3, 4:
		s.later, s.laterFor = 1+w.random.IntN(2), w.between(-25*time.Minute, 25*time.Minute)
	case 5:
		s.bad = true
	case 6:
		s.dies = 1 + w.random.IntN(3)
	case 7:
		s.dies = math.MaxInt
	case 8:
		s.hangs = 1 + w.random.IntN(2)
	case 9:
		s.poison = w.faults.crash > 0
	}
	s.troubled = s.fails > 0 || s.hangs > 0 || s.dies > 0 || s.bad || s.poison
	w.jobs[id] = s
	return s
}

// trouble is what goes wrong at a step by the job's own fault; nil: nothing.
func (s *script) trouble(p *slotProcess, c cursor) *protocol.Outcome {
	w := p.world
	if s.poison {
		p.report(protocol.Report{Checkpoint: c.checkpoint(s, p.node.release)})
		p.sleep(w.upTo(20 * time.Second))
		w.note("%s: %s takes the instance down", p.name, s.id)
		w.at(w.now, p.node.crash)
		w.wait(never)
	}
	switch {
	case p.node.sick() == unproductive:
		s.raised++
		s.troubled = true
		return &protocol.Outcome{Kind: protocol.Retry, Error: "the downstream of this instance is away"}
	case c.At != s.at:
	case s.bad:
		return &protocol.Outcome{Kind: protocol.Permanent, Error: "the payload is bad"}
	case s.fails > 0:
		s.fails--
		s.raised++
		return &protocol.Outcome{Kind: protocol.Retry, Error: "the source is away"}
	case s.later > 0:
		s.later--
		return &protocol.Outcome{Kind: protocol.Later, At: p.node.Now().Add(s.laterFor)}
	case s.dies > 0:
		s.dies--
		s.raised++
		w.at(w.now, func() { p.die(errors.New("exit status 2")) })
		w.wait(never)
	}
	return nil
}

func (s *script) nameOutput(c NegativeControl, content string, at int, epoch int64) string {
	switch {
	case c == Overwritten:
		return fmt.Sprintf("%s/%d", s.id, at)
	case s.byEpoch:
		return fmt.Sprintf("%s/%d.%d", s.id, at, epoch)
	}
	return "sum of " + content
}
