package sim

import (
	"iter"
	"math"
	"time"
)

// never is a moment that does not come.
const never = time.Duration(math.MaxInt64)

// event is something that happens at a moment of true time.
type event struct {
	at    time.Duration
	order uint64 // events of the same moment happen in the order in which they were scheduled
	run   func()
}

// calendar is a heap of events, the next one first.
type calendar struct {
	events []event
	count  uint64
}

func (c *calendar) before(i, j int) bool {
	a, b := &c.events[i], &c.events[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (c *calendar) add(at time.Duration, run func()) {
	c.count++
	c.events = append(c.events, event{at, c.count, run})
	for i := len(c.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !c.before(i, parent) {
			return
		}
		c.events[i], c.events[parent] = c.events[parent], c.events[i]
		i = parent
	}
}

func (c *calendar) next() event {
	first, last := c.events[0], len(c.events)-1
	c.events[0], c.events[last] = c.events[last], event{}
	c.events = c.events[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && c.before(child+1, child) {
			child++
		}
		if !c.before(child, i) {
			return first
		}
		c.events[i], c.events[child] = c.events[child], c.events[i]
		i = child
	}
}

// task is a coroutine of a simulated process. Exactly one runs at a time; it gives way only in [world.wait].
type task struct {
	process *process
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	turn    uint64 // counts the waits: a wake-up for an earlier one is stale
	done    bool
	last    errand // what it did last
}

// killed unwinds a task whose process was killed.
type killed struct{}

// process is what freezes and dies as a whole: a supervisor, a slot, an operator's command.
type process struct {
	world    *world
	name     string
	tasks    []*task
	frozen   bool
	thawedAt time.Duration // true time
	held     []func()      // what waits for the process to thaw
	dead     bool
	onDeath  func()
}

// spawn starts a task that runs body.
func (p *process) spawn(body func()) {
	t := &task{process: p}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.done = true
			if r := recover(); r != nil && r != (killed{}) {
				panic(r)
			}
		}()
		body()
	})
	if len(p.tasks) > 16 {
		live := p.tasks[:0]
		for _, old := range p.tasks {
			if !old.done {
				live = append(live, old)
			}
		}
		p.tasks = live
	}
	p.tasks = append(p.tasks, t)
	p.world.at(p.world.now, func() { p.world.wake(t, 0) })
}

// kill ends the process between two steps of whatever it does. Only events may call it, never a task.
func (p *process) kill() {
	if p.dead {
		return
	}
	p.dead, p.held = true, nil
	for _, t := range p.tasks {
		if !t.done {
			t.done = true
			t.stop()
		}
	}
	if p.onDeath != nil {
		p.onDeath()
	}
}

// obey runs what reaches the process from outside: later if it is frozen, never if it is dead.
func (p *process) obey(run func()) {
	switch {
	case p.dead:
	case p.frozen:
		p.held = append(p.held, run)
	default:
		run()
	}
}

func (p *process) freeze() { p.frozen = true }

// thaw lets the process go on; what happened meanwhile reaches it in any order.
func (p *process) thaw() {
	if !p.frozen {
		return
	}
	p.frozen, p.thawedAt = false, p.world.now
	held := p.held
	p.held = nil
	for _, run := range held {
		p.world.after(p.world.upTo(5*time.Millisecond), func() { p.obey(run) })
	}
}

// signal wakes the tasks that wait for it.
type signal struct {
	waiting []waiter
}

type waiter struct {
	task *task
	turn uint64
}

func (s *signal) add(w waiter) {
	if len(s.waiting) >= 16 { // drop those that went on for another reason
		live := s.waiting[:0]
		for _, old := range s.waiting {
			if !old.task.done && old.task.turn == old.turn {
				live = append(live, old)
			}
		}
		s.waiting = live
	}
	s.waiting = append(s.waiting, w)
}

func (s *signal) fire() {
	for _, w := range s.waiting {
		world := w.task.process.world
		world.at(world.now, func() { world.wake(w.task, w.turn) })
	}
	s.waiting = nil
}

// wait gives way until a moment of true time or a signal; a waiter looks itself whether what it waits
// for is there.
func (w *world) wait(until time.Duration, signals ...*signal) {
	t := w.current
	turn := t.turn
	for _, s := range signals {
		if s != nil {
			s.add(waiter{t, turn})
		}
	}
	if until != never {
		w.at(max(until, w.now), func() { w.wake(t, turn) })
	}
	if !t.yield(struct{}{}) {
		panic(killed{})
	}
}

func (w *world) wake(t *task, turn uint64) {
	if t.done || t.turn != turn {
		return
	}
	t.process.obey(func() {
		if t.done || t.turn != turn {
			return
		}
		t.turn++
		w.current = t
		t.next()
		w.current = nil
	})
}

func (w *world) at(t time.Duration, run func())    { w.calendar.add(t, run) }
func (w *world) after(d time.Duration, run func()) { w.calendar.add(w.now+d, run) }

// upTo is a random duration below d.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(max(d, 1))))
}

// between is a random duration from a to b.
func (w *world) between(a, b time.Duration) time.Duration { return a + w.upTo(b-a) }

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.random.Float64() < p }
