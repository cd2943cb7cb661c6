package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// node is a simulated instance: a machine with its clock, a supervisor and its slots.
type node struct {
	*clock
	name       string
	random     *rand.Rand // the core's
	supervisor *process
	workers    []*worker
	idle       []*worker
	idling     signal
	oldest     time.Time // sending time of the oldest message received since the last sweep
	sweeper    *sweep.Sweeper
	leads      bool
	look       time.Duration // until the content type's pause is looked at again, before it may claim
	release    release

	cutOff     bool // from the table and the queue
	frozen     bool
	frozeAt    time.Duration // true time of the last freeze of anything on the machine
	gone       bool
	steps      *scope // the supervisor's context: cancelled when a drain begins
	receiving  *scope // cancelled when the slots have ended
	base       *scope // never cancelled
	budget     time.Duration
	drainingAt time.Duration // true time; 0: not draining
}

// launch starts an instance.
func (w *world) launch() *node {
	w.launched++
	c := &clock{world: w, rate: 1000, lastFreeze: -1}
	if w.faults.skew > 0 {
		c.rate = []int64{900, 1100, 900 + w.random.Int64N(201)}[w.random.IntN(3)]
		if w.faults.brink {
			c.rate = []int64{900, 1100}[w.random.IntN(2)]
		}
		c.offset = w.upTo(2*w.faults.skew) - w.faults.skew
	}
	n := &node{
		clock: c, name: fmt.Sprintf("i-%d", w.launched), random: rand.New(rand.NewPCG(w.random.Uint64(), w.random.Uint64())),
		steps: cancellable(c), receiving: cancellable(c), base: newScope(context.Background(), c), frozeAt: -1,
	}
	n.release, n.look = newer, firstLook
	if w.faults.mixed && !w.calm && w.chance(0.5) {
		n.release = older
	}
	n.supervisor = &process{world: w, name: n.name}
	n.sweeper = &sweep.Sweeper{
		Store: tableClient{n.caller()}, Queue: queueClient{n.caller()}, Clock: w.control.sweeperClock(c), Log: w.logger(n.name),
		ContentType: contentType, Worker: fmt.Sprintf("%s/%016x", n.name, n.random.Uint64()),
		Interval: w.setup.sweep, Slots: w.setup.slots, Crashes: w.setup.crashes,
	}
	w.nodes = append(w.nodes, n)
	w.note("%s: launched, release %d, clock %+d per mille, wall clock off by %s", n.name, n.release, c.rate-1000, c.offset)
	n.supervisor.spawn(n.run)
	return n
}

// caller is the node as the endpoints see it.
func (n *node) caller() *caller { return &caller{world: n.world, clock: n.clock, node: n} }

// processes of the machine.
func (n *node) processes() []*process {
	all := []*process{n.supervisor}
	for _, k := range n.workers {
		if k.process != nil {
			all = append(all, k.process.process)
		}
	}
	return all
}

// point is where a machine may crash or freeze: beside every call. It reports whether it froze.
func (n *node) point(p *process, what string) bool {
	w := n.world
	if w.calm || n.gone {
		return false
	}
	draw := w.random.Float64()
	switch {
	case draw < w.faults.crash:
		w.note("%s: crashes at %s", n.name, what)
		w.at(w.now, n.crash)
		w.wait(never)
	case draw < w.faults.crash+w.faults.freeze:
		w.note("%s: freezes at %s", n.name, what)
		n.freeze(p)
		w.wait(w.now)
		return true
	}
	return false
}

// freeze stops the machine with or without its clock, or its supervisor alone, or process p alone.
func (n *node) freeze(p *process) {
	w := n.world
	span := w.between(time.Second, 20*time.Second)
	switch w.random.IntN(3) {
	case 0:
		span = w.between(w.setup.lease/2, 3*w.setup.lease)
	case 1:
		span = w.between(time.Minute, 30*time.Minute)
	}
	stopped := n.processes()
	switch w.random.IntN(4) {
	case 0:
		n.stand(span)
		return
	case 1: // the whole machine, but its clock goes on
	case 2:
		stopped = stopped[:1]
	default:
		if p == nil {
			p = stopped[w.random.IntN(len(stopped))]
		}
		stopped = []*process{p}
	}
	n.hold(stopped, span)
}

// stand freezes the machine with its clock.
func (n *node) stand(span time.Duration) {
	if n.hold(n.processes(), span) {
		n.world.note("%s: its clock stands still too", n.name)
		n.stop()
	}
}

// hold freezes processes for a while; false: something is frozen already.
func (n *node) hold(stopped []*process, span time.Duration) bool {
	w := n.world
	if n.frozen || n.gone {
		return false
	}
	n.frozen, n.frozeAt = true, w.now
	for _, p := range stopped {
		w.note("%s: frozen for %s", p.name, span)
		p.freeze()
	}
	w.after(span, func() {
		n.frozen, n.frozeAt = false, w.now
		n.start()
		if n.gone {
			return
		}
		w.note("%s: thaws", n.name)
		for _, p := range stopped {
			p.thaw()
		}
	})
	return true
}

// crash ends the machine without a word.
func (n *node) crash() {
	if n.gone {
		return
	}
	n.world.note("%s: is dead", n.name)
	n.world.oracle.crashed(n)
	n.end()
}

func (n *node) end() {
	n.gone = true
	for _, p := range n.processes() {
		p.kill()
	}
	w := n.world
	w.after(w.between(20*time.Second, 2*time.Minute), w.fill)
}

// drain is a signal to stop.
func (n *node) drain(budget time.Duration) {
	if n.gone || n.drainingAt != 0 {
		return
	}
	w := n.world
	w.note("%s: told to drain within %s", n.name, budget)
	n.drainingAt, n.budget = w.now, budget
	n.supervisor.obey(n.steps.cancel)
	w.after(w.between(10*time.Second, time.Minute), w.fill)
	if !w.calm && w.chance(0.2) { // the instance is taken away whether it is done or not
		w.after(w.between(budget/2, 2*budget), func() {
			if !w.calm {
				n.crash()
			}
		})
	}
}

// blobs is the bucket, which the older release knows nothing of.
func (n *node) blobs(c *caller) lease.Blobs {
	if n.release == older {
		return nil
	}
	return blobClient{c}
}

// deps is what the attempts of the node share, with a caller of their own.
func (n *node) deps(c *caller, clock lease.Clock) lease.Deps {
	return lease.Deps{
		Store: tableClient{c}, Blobs: n.blobs(c), Bells: queueClient{c}, Clock: clock, Rand: n.random, Timing: n.world.setup.timing(),
		Log: n.world.logger(n.name), Failures: n.world.setup.failures,
	}
}

// fill launches instances until there are as many as wanted.
func (w *world) fill() {
	alive := 0
	for _, n := range w.nodes {
		if !n.gone && n.drainingAt == 0 {
			alive++
		}
	}
	for ; alive < w.wanted; alive++ {
		w.launch()
	}
}
