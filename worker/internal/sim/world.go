package sim

import (
	"io"
	"math/rand/v2"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/blob"
)

const contentType = "mail"

// Options of one run.
type Options struct {
	Seed    uint64
	Control NegativeControl
	Trace   io.Writer // nil: the trace is only hashed
}

// Result of one run.
type Result struct {
	Violation *Violation // nil: none
	Trace     uint64     // hash of the trace
	Lasted    time.Duration
	Events    uint64
	Restarts  []Restart
	Drains    []time.Duration // how long each drain took

	Untroubled, Done int // jobs to which nothing happened by their own fault or an operator's wish; of those, the DONE ones
}

// Restart is how long a job of a dead machine took to run again.
type Restart struct {
	After   time.Duration
	Sweeper bool // the machine was the one that swept
}

// setup is the configuration of a content type.
type setup struct {
	contract.Timing
	contract.Retry
	measured   bool // the time that jobs take is measured
	slots      int
	crashLimit int64
}

// faults of machines; those of the network stand in [network].
type faults struct {
	crash, freeze float64       // at each point
	latePut       float64       // an output's first try arrives minutes later
	skew          time.Duration // of wall clocks, each way; above zero, monotonic clocks are off by up to a tenth
	every         time.Duration // mean time between events of chaos
	mixed         bool          // half of the machines run the release before
	brink         bool          // machines are cut off and frozen for about a lease, again and again
	chaos         time.Duration // how long the chaos lasts
}

// world is one run.
type world struct {
	seed     uint64
	control  NegativeControl
	random   *rand.Rand
	now      time.Duration // true time
	calendar calendar
	current  *task
	trace    *trace

	setup     setup
	faults    faults
	table     *table
	queue     *messages
	objects   *objects
	oracle    *oracle
	outputs   map[string]string
	jobs      map[string]*script
	ids       []string   // of jobs, in order of submission
	malformed []string   // bodies that are to be dead-lettered
	commands  []*process // of operators
	operator  *clock
	nodes     []*node
	wanted    int // instances
	launched  int
	slotCount int
	calm      bool          // no faults any more
	calmAt    time.Duration // when the chaos ended; 0: it has not, or there is none
	finished  bool
	calls     map[string]int // requests to table, queue and bucket, by operation
	violation *Violation
	restarts  []Restart
	drains    []time.Duration
}

func newWorld(o Options) *world {
	w := &world{
		seed: o.Seed, control: o.Control, random: rand.New(rand.NewPCG(o.Seed, 0x5eed)), trace: newTrace(o.Trace),
		outputs: map[string]string{}, jobs: map[string]*script{}, calls: map[string]int{},
	}
	w.table, w.queue, w.objects = newTable(w), &messages{world: w}, &objects{world: w, memory: blob.NewMemory()}
	w.oracle = &oracle{world: w, holders: map[string]*holder{}, learnt: map[string]learnt{}, looked: map[*node]time.Duration{}, paused: map[*node]time.Duration{}}
	w.operator = &clock{world: w, rate: 1000, lastFreeze: -1}
	return w
}

// Run plays one seed to its end: chaos, then calm until every job has ended.
func Run(o Options) Result {
	w := newWorld(o)
	w.draw()
	w.queue.provision()
	w.note("seed %d, control %q, setup %+v, faults %+v, table %+v, queue %+v, bucket %+v", w.seed, w.control, w.setup, w.faults, w.table.network, w.queue.network, w.objects.network)
	w.fill()
	w.submissions()
	w.chaos()
	w.at(w.faults.chaos, w.calmDown)
	w.play()
	return w.result()
}

// play lets events happen until the run is finished or an invariant broken, then ends all processes.
func (w *world) play() {
	for !w.finished && w.violation == nil && len(w.calendar.events) > 0 {
		e := w.calendar.next()
		w.now = e.at
		e.run()
	}
	for _, n := range w.nodes {
		for _, p := range n.processes() {
			p.kill()
		}
	}
	for _, p := range w.commands {
		p.kill()
	}
}

func (w *world) result() Result {
	r := Result{
		Violation: w.violation, Trace: w.trace.hash.Sum64(), Lasted: w.now, Events: w.calendar.count, Restarts: w.restarts, Drains: w.drains,
	}
	for _, s := range w.jobs {
		if !s.troubled && !s.cancelled {
			r.Untroubled++
			if s.done {
				r.Done++
			}
		}
	}
	return r
}

// draw chooses the configuration and which faults there are, so that seeds differ in kind.
func (w *world) draw() {
	r := w.random
	w.setup.Timing = []contract.Timing{
		{Lease: time.Minute, Heartbeat: 20 * time.Second, Sweep: 30 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: time.Minute},
		{Lease: time.Minute, Heartbeat: 20 * time.Second, Sweep: 30 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: 10 * time.Minute},
		{Lease: 30 * time.Second, Heartbeat: 10 * time.Second, Sweep: 15 * time.Second, Checkpoint: 5 * time.Second, DrainBudget: 20 * time.Second},
		{Lease: 40 * time.Second, Heartbeat: 20 * time.Second, Sweep: 20 * time.Second, Checkpoint: time.Second, DrainBudget: 4 * time.Minute},
	}[r.IntN(4)]
	w.setup.measured = r.IntN(2) == 1
	w.setup.Stall = 45 * time.Minute // longer than anything is frozen
	w.setup.slots = 1 + r.IntN(3)
	w.setup.Retry = []contract.Retry{
		{FailureLimit: 10, FirstPause: 15 * time.Second, LongestPause: 15 * time.Minute},
		{FailureLimit: 5, FirstPause: 15 * time.Second, LongestPause: 6 * time.Hour},
		{FailureLimit: 2, FirstPause: time.Minute, LongestPause: time.Hour},
	}[r.IntN(3)]
	w.setup.crashLimit = []int64{5, 5, 2}[r.IntN(3)]
	w.wanted = 1 + r.IntN(4)
	rate := func(most float64) float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return most * r.Float64() * r.Float64()
	}
	w.faults = faults{
		crash: rate(0.006), freeze: rate(0.006), latePut: rate(0.5), skew: []time.Duration{0, 2 * time.Second, 2 * time.Second, 5 * time.Minute, daysApart}[r.IntN(5)],
		every: w.between(30*time.Second, 8*time.Minute), chaos: w.between(15*time.Minute, 100*time.Minute),
	}
	draw := func() network {
		return network{
			fail: rate(0.3), lose: rate(0.1), drop: rate(0.1), retry: rate(0.2), ghost: rate(0.1), delay: rate(0.1), hang: rate(0.5), slow: rate(0.1),
			latency: []time.Duration{20 * time.Millisecond, 200 * time.Millisecond, 3 * time.Second}[r.IntN(3)],
		}
	}
	w.table.network, w.queue.network, w.objects.network = draw(), draw(), draw()
	w.faults.mixed = r.IntN(3) == 0
	w.table.stale, w.table.mute = rate(0.5), r.IntN(4) == 0
	if r.IntN(5) == 0 {
		w.faults.brink, w.faults.skew, w.faults.latePut = true, 2*time.Second, 0.3
		w.faults.every = w.between(20*time.Second, 90*time.Second)
		w.setup.Sweep = w.setup.Lease / 6
		w.table.network = network{fail: 0.005, lose: 0.002, delay: 0.003, hang: 0.3, latency: 200 * time.Millisecond}
		w.wanted = 2 + r.IntN(3)
	}
	w.queue.duplicate, w.queue.latest, w.queue.shuffled = rate(0.5), rate(0.5), r.IntN(2) == 0
}
