package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

var (
	errEnded    = errors.New("the slot has ended")
	errOccupied = errors.New("the slot already has a job")
)

// slotProcess is a simulated slot: it takes orders, runs the script of its job, reports, and ends
// itself past its deadline.
type slotProcess struct {
	*process
	node    *node
	loop    *waiting // of the supervisor, for this slot
	holder  *holder  // whose job the slot has; nil: it is idle
	late    *lateClock
	reports []protocol.Report
	err     error
	ready   bool // as the supervisor sees it
	busy    bool // as the supervisor sees it
	doomed  bool // killed by the supervisor

	inbox    []protocol.Order
	ordered  signal
	task     *protocol.Assignment
	deadline time.Duration
	draining bool
	killAt   time.Duration // as the supervisor said
}

var _ loop.Process = (*slotProcess)(nil)

// newSlotProcess starts a slot, which may end or hang before it is ready.
func newSlotProcess(n *node, l *waiting) *slotProcess {
	w := n.world
	w.slotCount++
	p := &slotProcess{node: n, loop: l, process: &process{world: w, name: fmt.Sprintf("%s/slot-%d", n.name, w.slotCount)}}
	p.onDeath = l.Wake
	p.spawn(func() {
		p.sleep(w.between(100*time.Millisecond, 2*time.Second))
		switch draw := w.random.Float64(); {
		case n.sick() == folderless && w.control != BlindTests:
			w.at(w.now, func() { n.learns(); p.die(errors.New("exit status 1")) })
			w.wait(never)
		case w.calm:
		case draw < 0.005:
			w.at(w.now, func() { p.die(errors.New("exit status 1")) })
			w.wait(never)
		case draw < 0.01:
			w.wait(never)
		}
		p.report(protocol.Report{Ready: &protocol.Ready{Protocol: protocol.Version}})
		for {
			for p.task == nil {
				w.wait(never, &p.ordered)
			}
			outcome := p.execute(p.task)
			p.task = nil
			p.report(protocol.Report{Outcome: &outcome})
		}
	})
	return p
}

// Send passes an order on; the oracle takes down what deadline the holder believes in.
func (p *slotProcess) Send(o protocol.Order) error {
	late := time.Duration(0)
	if p.late != nil {
		late = p.late.lost
	}
	if o.Deadline != nil {
		o.Deadline = &protocol.Deadline{At: o.Deadline.At + late}
		p.world.oracle.acknowledged(p.holder, o.Deadline.At)
	}
	switch {
	case o.Run != nil && p.busy:
		return errOccupied
	case p.dead:
		return errEnded
	case o.Run != nil:
		p.busy = true
		p.world.oracle.acknowledged(p.holder, o.Run.Deadline)
	case o.Drain != nil:
		p.killAt = o.Drain.At
	}
	p.inbox = append(p.inbox, o)
	p.world.after(p.world.upTo(2*time.Millisecond), func() { p.obey(p.take) })
	return nil
}

// Prepare does nothing: a simulated job has no files.
func (p *slotProcess) Prepare() error { return nil }

// Kill ends the process.
func (p *slotProcess) Kill() {
	p.doomed = true
	p.world.after(p.world.upTo(3*time.Millisecond), func() { p.die(protocol.ErrKilled) })
}

func (p *slotProcess) die(err error) {
	if p.dead {
		return
	}
	p.err = err
	p.world.note("%s: ends: %v", p.name, err)
	if p.ready && p.holder == nil && !p.doomed {
		p.loop.diedAt = p.node.Monotonic()
	}
	p.kill()
}

// take reads the orders that have come in.
func (p *slotProcess) take() {
	for _, o := range p.inbox {
		switch {
		case o.Run != nil:
			p.task, p.draining = o.Run, false
			p.setDeadline(o.Run.Deadline)
			p.report(protocol.Report{Progress: &o.Run.Progress})
		case p.task == nil:
		case o.Deadline != nil:
			p.setDeadline(o.Deadline.At)
		case o.Drain != nil:
			p.draining = true
		}
	}
	p.inbox = nil
	p.ordered.fire()
}

// setDeadline arms the fuse.
func (p *slotProcess) setDeadline(at time.Duration) {
	p.deadline = at
	p.world.at(p.node.when(at)+p.world.upTo(250*time.Millisecond), func() { p.obey(func() { p.fuse(at) }) })
}

func (p *slotProcess) fuse(at time.Duration) {
	switch {
	case p.task == nil || p.deadline != at:
	case p.node.Monotonic() < at:
		p.setDeadline(at)
	default:
		if p.holder != nil && p.thawedAt > 0 && p.thawedAt >= p.world.now-time.Second { // it was stopped alone and did not read its orders: its own fault
			p.world.jobs[p.holder.claim.ID].raised++
		}
		p.die(errors.New("the job's deadline has passed"))
	}
}

func (p *slotProcess) report(r protocol.Report) {
	switch {
	case r.Outcome != nil:
		p.world.note("%s: reports %s", p.name, r.Outcome.Kind)
	case r.Checkpoint != nil:
		p.world.note("%s: reports %s", p.name, bytes.Replace(r.Checkpoint.Cursor, []byte(filler), []byte("…"), 1))
		if last := len(p.reports) - 1; last >= 0 && p.reports[last].Checkpoint != nil {
			p.reports = p.reports[:last] // a slow reader gets only the newest
		}
	}
	p.reports = append(p.reports, r)
	p.loop.Wake()
}

// Next takes a report.
func (p *slotProcess) Next() (report *protocol.Report, ended bool) {
	if len(p.reports) == 0 {
		return nil, p.dead
	}
	r := p.reports[0]
	p.reports = p.reports[1:]
	if r.Ready != nil {
		p.ready = true
		p.node.passes()
	}
	if r.Outcome != nil {
		p.busy = false
	}
	if r.Outcome != nil && p.holder != nil && p.holder.unbegun {
		p.node.learns()
	}
	return &r, false
}

// Err is why the process ended.
func (p *slotProcess) Err() error { return p.err }

// sleep is time that the processor spends.
func (p *slotProcess) sleep(d time.Duration) {
	for until := p.node.Monotonic() + d; p.node.Monotonic() < until; {
		p.world.wait(p.node.when(until))
	}
}

// cursor is what the simulated processors save.
type cursor struct {
	At      int    `json:"at"`
	Outputs []ref  `json:"outputs"`
	Filler  string `json:"filler,omitempty"` // of cursors that are too long for the item
}

// ref names an output and what it held when it was written.
type ref struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

func (c cursor) checkpoint(s *script, release release) *protocol.Checkpoint {
	if s.long {
		c.Filler = filler
	}
	text, _ := json.Marshal(c)
	return &protocol.Checkpoint{Cursor: text, Version: versioned(release), Progress: protocol.Progress{Done: int64(c.At), Total: int64(len(s.steps)), Unit: "steps"}}
}

// execute is the simulated processor: each step's output is durable before its cursor is reported.
func (p *slotProcess) execute(a *protocol.Assignment) protocol.Outcome {
	s := p.world.jobs[a.ID]
	release := p.node.release
	if a.CursorVersion == versioned(newer) && release != newer {
		return protocol.Outcome{Kind: protocol.Unfit, Error: "the cursor is of a newer release"}
	}
	if string(a.Payload) != s.payload {
		p.world.violate("S7", "%s was given a payload of %d bytes, it was submitted with %d", a.ID, len(a.Payload), len(s.payload))
	}
	if outcome := p.begins(); outcome != nil {
		return *outcome
	}
	s.version++ // the source changes between attempts: a zombie's outputs differ
	version := s.version
	var c cursor
	if len(a.Cursor) > 0 {
		if err := json.Unmarshal(a.Cursor, &c); err != nil {
			return protocol.Outcome{Kind: protocol.Permanent, Error: err.Error()}
		}
	}
	for {
		if p.draining {
			return protocol.Outcome{Kind: protocol.Stopped}
		}
		p.sleep(s.steps[c.At])
		if s.hangs > 0 && c.At == s.at {
			s.hangs--
			s.raised++ // unless its holder is lost first
			p.world.wait(never)
		}
		if outcome := s.trouble(p, c); outcome != nil {
			return *outcome
		}
		content := fmt.Sprintf("%s step %d of version %d", a.ID, c.At, version)
		r := ref{s.nameOutput(p.world.control, content, c.At, a.Epoch), content}
		next := cursor{At: c.At + 1, Outputs: append(append([]ref(nil), c.Outputs...), r)}
		if p.world.control == CursorFirst {
			p.report(protocol.Report{Checkpoint: next.checkpoint(s, release)})
		}
		p.put(r)
		c = next
		switch {
		case c.At == len(s.steps):
			return protocol.Outcome{Kind: protocol.Done, Checkpoint: c.checkpoint(s, release)}
		case p.draining:
			return protocol.Outcome{Kind: protocol.Stopped, Checkpoint: c.checkpoint(s, release)}
		}
		p.report(protocol.Report{Checkpoint: c.checkpoint(s, release)})
	}
}

// put writes an output: durable when it returns. A first try may hang in the network and arrive late.
func (p *slotProcess) put(r ref) {
	w := p.world
	p.node.point(p.process, "put")
	write := func() {
		w.note("outputs: %s = %s", r.Name, r.Content)
		w.outputs[r.Name] = r.Content
	}
	wait := w.between(20*time.Millisecond, 500*time.Millisecond)
	if !w.calm && w.chance(w.faults.latePut) {
		w.after(w.between(30*time.Second, 6*time.Minute), write)
		wait += 5 * time.Second
	}
	durable := false
	var done signal
	w.after(wait, func() { write(); durable = true; done.fire() })
	for !durable {
		w.wait(never, &done)
	}
	p.node.point(p.process, "answer to put")
}
