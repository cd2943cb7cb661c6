package simulate

import "container/heap"

// Job is one job of a load.
type Job struct {
	Submit  float64 // seconds after the start of the simulation
	Seconds float64 // of work
	CPU     float64 // per cent of an instance
}

// instance is one instance of a group, from its launch on.
type instance struct {
	zone    int
	settles float64 // when it has warmed up
	serves  bool    // it is in service
	running []int   // its jobs
}

type kind int

const (
	ends   kind = iota // a job
	serves             // an instance comes into service
	leaves             // an instance has drained
)

type event struct {
	at    float64
	order int // of those at the same time
	kind  kind
	on    *instance
	job   int
	run   int // of the job: one that was handed back ends later
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }

func (e events) Less(i, j int) bool {
	if e[i].at != e[j].at {
		return e[i].at < e[j].at
	}
	return e[i].order < e[j].order
}

func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// progress is how far a job is.
type progress struct {
	started  bool
	wait     float64 // until its first start, in seconds
	left     float64 // seconds of work
	began    float64
	enqueued float64
	runs     int
}

// fleet moves jobs and instances between the minutes.
type fleet struct {
	setup     Setup
	now       float64
	instances []*instance // the oldest first
	draining  int
	waiting   []int // jobs, the oldest message first
	arrived   int   // jobs that were submitted
	progress  []progress
	pending   events
	order     int
	ended     int // jobs
	free      int // slots in service

	busy, cpu, served, cost float64 // seconds of slots, per cent × seconds, and seconds of instances, of this minute; seconds in all
	endedNow, running       int
	load                    float64 // per cent of an instance that the running jobs take together
}

func newFleet(s Setup) *fleet {
	f := &fleet{setup: s, progress: make([]progress, len(s.Jobs))}
	for i, j := range s.Jobs {
		f.progress[i].left = j.Seconds
	}
	return f
}

func (f *fleet) schedule(e event) {
	f.order++
	e.order = f.order
	heap.Push(&f.pending, e)
}

// run lets time pass until a moment.
func (f *fleet) run(until float64) {
	f.busy, f.cpu, f.served, f.endedNow = 0, 0, 0, 0
	for {
		arrival := f.arrived < len(f.setup.Jobs) && f.setup.Jobs[f.arrived].Submit < until
		queued := len(f.pending) > 0 && f.pending[0].at < until
		switch {
		case arrival && (!queued || f.setup.Jobs[f.arrived].Submit <= f.pending[0].at):
			f.pass(f.setup.Jobs[f.arrived].Submit)
			f.enqueue(f.arrived)
			f.arrived++
		case queued:
			e := heap.Pop(&f.pending).(event)
			f.pass(e.at)
			f.happen(e)
		default:
			f.pass(until)
			return
		}
		f.start()
	}
}

// pass adds up what is measured over time.
func (f *fleet) pass(until float64) {
	seconds := until - f.now
	f.now = until
	f.busy += seconds * float64(f.running)
	f.cpu += seconds * f.load
	f.served += seconds * float64(f.inService())
	f.cost += seconds * float64(len(f.instances)+f.draining)
}

func (f *fleet) inService() int { return (f.free + f.running) / f.setup.Params.Processes }

func (f *fleet) enqueue(job int) {
	f.progress[job].enqueued = f.now
	f.waiting = append(f.waiting, job)
}

func (f *fleet) happen(e event) {
	switch e.kind {
	case serves:
		e.on.serves, e.on.settles = true, f.now+f.setup.Warmup.Seconds()
		f.free += f.setup.Params.Processes
	case leaves:
		f.draining--
	case ends:
		if f.progress[e.job].runs != e.run {
			return
		}
		f.stop(e.on, e.job)
		f.free++
		f.ended++
		f.endedNow++
	}
}

// stop takes a job off an instance.
func (f *fleet) stop(on *instance, job int) {
	for i, j := range on.running {
		if j == job {
			on.running = append(on.running[:i], on.running[i+1:]...)
			break
		}
	}
	f.running--
	f.load -= f.setup.Jobs[job].CPU
	f.progress[job].left -= f.now - f.progress[job].began
}

// start gives waiting jobs to the instances that run the fewest.
func (f *fleet) start() {
	for f.free > 0 && len(f.waiting) > 0 {
		var idlest *instance
		for _, i := range f.instances {
			if i.serves && len(i.running) < f.setup.Params.Processes && (idlest == nil || len(i.running) < len(idlest.running)) {
				idlest = i
			}
		}
		job := f.waiting[0]
		f.waiting = f.waiting[1:]
		p := &f.progress[job]
		if !p.started {
			p.started, p.wait = true, f.now-f.setup.Jobs[job].Submit
		}
		p.began = f.now
		p.runs++
		idlest.running = append(idlest.running, job)
		f.free--
		f.running++
		f.load += f.setup.Jobs[job].CPU
		f.schedule(event{at: f.now + p.left, kind: ends, on: idlest, job: job, run: p.runs})
	}
}

// begin puts the first instances into service. They have warmed up.
func (f *fleet) begin(n int) {
	for range n {
		f.instances = append(f.instances, &instance{zone: f.zone(true), serves: true})
	}
	f.free = n * f.setup.Params.Processes
}

// resize launches or removes instances, so that so many stay.
func (f *fleet) resize(desired int) {
	for len(f.instances) < desired {
		i := &instance{zone: f.zone(true)}
		f.instances = append(f.instances, i)
		f.schedule(event{at: f.now + f.setup.Boot.Seconds(), kind: serves, on: i})
	}
	for len(f.instances) > desired {
		f.remove(f.oldest(f.zone(false)))
	}
	f.start() // jobs that were handed back
}

// zone is the zone with the fewest instances, or with the most.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html
func (f *fleet) zone(fewest bool) int {
	sizes := make([]int, f.setup.Zones)
	for _, i := range f.instances {
		sizes[i.zone]++
	}
	best := 0
	for zone, n := range sizes {
		if fewest && n < sizes[best] || !fewest && n > sizes[best] {
			best = zone
		}
	}
	return best
}

// oldest is the place of a zone's oldest instance. AWS prefers those of an old launch template, of which there are none here.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html
func (f *fleet) oldest(zone int) int {
	for place, i := range f.instances {
		if i.zone == zone {
			return place
		}
	}
	panic("no instance in the zone that has most")
}

// remove drains an instance in service: it hands its jobs back at once and leaves later.
func (f *fleet) remove(place int) {
	i := f.instances[place]
	f.instances = append(f.instances[:place], f.instances[place+1:]...)
	f.draining++
	f.free -= f.setup.Params.Processes - len(i.running)
	for len(i.running) > 0 {
		job := i.running[0]
		f.stop(i, job)
		f.progress[job].runs++ // so that the end of its earlier run does not count
		f.enqueue(job)
	}
	i.serves = false
	f.schedule(event{at: f.now + f.setup.Drain.Seconds(), kind: leaves, on: i})
}

// capacity is the group as a policy finds it.
func (f *fleet) capacity() Capacity {
	c := Capacity{Min: f.setup.Params.MinCapacity, Max: f.setup.Params.MaxCapacity, Desired: len(f.instances), Terminating: f.draining}
	for _, i := range f.instances {
		if i.serves && i.settles <= f.now {
			c.Settled++
		} else {
			c.Warming++
		}
	}
	return c
}
