package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/loop"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// node is a simulated instance: a machine with its clock, a supervisor with its worker's loops, and its slots.
type node struct {
	*clock
	name       string
	random     *rand.Rand // the core's
	supervisor *process
	slots      []*slotProcess
	release    release
	leads      bool  // the sweep, as its last one showed
	told       *bool // whether the content type is paused, as its last sweep told the worker; nil: none has yet
	away       bool  // table or bucket, as a claim showed and no probe has refuted
	paces      map[errand]*pace
	tally      lease.Tally

	lacks      sickness
	lacksUntil time.Duration // true time
	knowsSick  time.Duration // true time since when its worker knows of it; 0: it does not, or a self-test has passed since
	care       care

	cutOff     bool // from the table and the queue
	frozen     bool
	frozeAt    time.Duration // true time of the last freeze of anything on the machine
	gone       bool
	steps      *scope        // the supervisor's context: cancelled when a drain begins
	hurried    *scope        // cancelled when a Spot interruption comes during a drain
	drainingAt time.Duration // true time; 0: not draining
	leaveBy    time.Duration // true time at which the budget of the drain ends
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
		steps: cancellable(c), hurried: cancellable(c), frozeAt: -1, release: newer,
		paces: map[errand]*pace{receives: {}, sweeps: {}, probes: {}, tests: {}},
	}
	if w.faults.mixed && !w.calm && w.chance(0.5) {
		n.release = older
	}
	n.supervisor = &process{world: w, name: n.name}
	w.nodes = append(w.nodes, n)
	w.note("%s: launched, release %d, clock %+d per mille, wall clock off by %s", n.name, n.release, c.rate-1000, c.offset)
	n.supervisor.spawn(n.run)
	return n
}

// run is a supervisor's life.
func (n *node) run() {
	for n.steps.Err() == nil && n.probe(n.steps) != nil {
		_ = n.Sleep(n.steps, 5*time.Second)
	}
	n.worker().Run(n.steps, n.hurried, n)
	w := n.world
	w.note("%s: drained", n.name)
	w.oracle.drained(n)
	w.at(w.now, n.end)
	w.wait(never)
}

// worker is the product's, on this node.
func (n *node) worker() *loop.Worker {
	w, timing, log := n.world, n.world.setup.Timing, n.world.logger(n.name)
	claims := n.caller(takes)
	clock := lease.Clock(n.clock)
	if w.control == LateStamp {
		claims.late = &lateClock{clock: n.clock}
		clock = claims.late
	}
	claimer := &lease.Claimer{
		Store: tableClient{claims}, Blobs: n.blobs(claims), Clock: clock, Rand: n.random, ContentType: contentType, Worker: n.name, Timing: timing, Log: log,
	}
	inbox := n.caller(takes)
	watch := n.caller(sweeps)
	return &loop.Worker{
		Processes: w.setup.slots, Probe: n.probe, Begin: n.begin, Log: log,
		Replace:  func(string) { w.at(w.now, func() { n.drain(drain.Sick) }) },
		Meter:    metrics.NewMeter(w.setup.slots, n.Monotonic),
		Receiver: receiver{queueClient{n.caller(receives)}},
		Intake:   intake{&lease.Intake{Inbox: queueClient{inbox}, Log: log, Claimer: claimer}, n, claims.late},
		Attempts: n.deps(n.caller(works), loopClock{n.clock, w.control.hot()}),
		Sweeper: sweeper{&sweep.Sweeper{
			Store: tableClient{watch}, Blobs: n.blobs(watch), Queue: queueClient{watch}, Clock: w.control.sweeperClock(n.clock), Log: log,
			ContentType: contentType, Worker: fmt.Sprintf("%s/%016x", n.name, n.random.Uint64()),
			Interval: w.setup.Sweep, Slots: w.setup.slots, CrashLimit: w.control.crashLimit(w.setup.crashLimit), Measure: w.setup.measured,
		}, n},
	}
}

// caller is the node as the endpoints see it.
func (n *node) caller(on errand) *caller {
	return &caller{world: n.world, clock: n.clock, node: n, errand: on}
}

// processes of the machine.
func (n *node) processes() []*process {
	all := []*process{n.supervisor}
	for _, p := range n.slots {
		all = append(all, p.process)
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
		span = w.between(w.setup.Lease/2, 3*w.setup.Lease)
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

// drain is a notice to stop.
func (n *node) drain(source drain.Source) {
	if n.gone || n.drainingAt != 0 {
		return
	}
	w, cause := n.world, &drain.Cause{Source: source, Detail: "chaos"}
	budget := cause.Budget(w.setup.DrainBudget)
	w.note("%s: told to drain within %s: %s", n.name, budget, cause)
	n.drainingAt, n.leaveBy = w.now, w.now+budget
	n.supervisor.obey(func() { n.steps.cancel(cause) })
	w.oracle.leaves(n, budget)
	w.after(w.between(10*time.Second, time.Minute), w.fill)
	if w.calm {
		return
	}
	if w.chance(0.2) { // the instance is taken away whether it is done or not
		w.after(w.between(budget/2, 2*budget), func() {
			if !w.calm {
				n.crash()
			}
		})
	}
	if source != drain.Spot && w.chance(0.5) {
		w.after(w.upTo(min(budget/4, 30*time.Second)), n.hurry)
	}
}

// hurry is a Spot interruption notice during a drain.
func (n *node) hurry() {
	if n.gone {
		return
	}
	w, cause := n.world, &drain.Cause{Source: drain.Spot, Detail: "chaos"}
	w.note("%s: interrupted during its drain", n.name)
	budget := cause.Budget(w.setup.DrainBudget)
	n.leaveBy = min(n.leaveBy, w.now+budget)
	n.supervisor.obey(func() { n.hurried.cancel(cause) })
	w.oracle.leaves(n, budget)
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
		Store: tableClient{c}, Blobs: n.blobs(c), Bells: queueClient{c}, Clock: clock, Rand: n.random, Timing: n.world.setup.Timing,
		Log: n.world.logger(n.name), Retry: n.world.setup.Retry, Tally: &n.tally,
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
