package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/constructs/scaling"
)

func setup(jobs []Job, change func(*Setup)) Setup {
	s := Setup{
		Params: scaling.Params{
			Processes: 2, TargetLatency: 10 * time.Minute, MeanJobTime: 5 * time.Minute,
			CPUBelow: 70, CPUFor: 10 * time.Minute, RemovePercent: 10, MinCapacity: 1, MaxCapacity: 20,
		},
		Boot: 2 * time.Minute, Warmup: 2 * time.Minute, Drain: time.Minute, Zones: 3, Jobs: jobs, For: 3 * time.Hour,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func burst(n int, at, seconds float64) []Job {
	return slices.Repeat([]Job{{Submit: at, Seconds: seconds, CPU: 10}}, n)
}

func poisson(n int, every, mean float64) []Job {
	rng, at := rand.New(rand.NewPCG(5, 6)), 0.0
	jobs := make([]Job, n)
	for i := range jobs {
		at += rng.ExpFloat64() * every
		jobs[i] = Job{at, rng.ExpFloat64() * mean, 30}
	}
	return jobs
}

// 50 jobs of five minutes at 0: two run and 48 wait. The running ones have been busy for 120 s, so that the mean job time reads
// 360 s: the instance takes up 4/3 in time and a new one 8/3, and 17.5 are missing. Their step adds 20, up to the maximum, at the end
// of the first minute. They are in service two minutes later.
func TestABurstByHand(t *testing.T) {
	got := Run(setup(burst(50, 0, 300), nil))
	if want := (Action{0, "ScaleOut", 18, 1, 20}); len(got.Actions) == 0 || got.Actions[0] != want {
		t.Fatalf("actions %+v, want %+v first", got.Actions, want)
	}
	for _, a := range got.Actions[1:] {
		if a.Alarm != "ScaleIn" {
			t.Errorf("the same breaches acted again: %+v", a)
		}
	}
	if got.Late != 0 || got.Ended != 50 || got.Most != 20 || got.Reversals != 1 {
		t.Errorf("late %d, ended %d, most %d, reversals %d; want 0, 50, 20, 1", got.Late, got.Ended, got.Most, got.Reversals)
	}
	// 20 instances have 40 slots: 38 jobs start at 180 s, and the ten left when the first two and then these end.
	for rank, want := range map[int]float64{0: 0, 1: 0, 2: 180, 39: 180, 40: 300, 41: 300, 42: 480, 49: 480} {
		if math.Abs(got.Waits[rank]-want) > 1e-9 {
			t.Errorf("job %d waited for %v s, want %v", rank, got.Waits[rank], want)
		}
	}
	if last := got.Actions[len(got.Actions)-1]; last.To != 1 {
		t.Errorf("the group stays at %d instances, want its minimum", last.To)
	}
}

// Metrics that come two minutes late move the action by as much. Ten periods of low CPU are still found.
func TestDelaysMoveActions(t *testing.T) {
	prompt := Run(setup(burst(50, 0, 300), nil))
	late := Run(setup(burst(50, 0, 300), func(s *Setup) { s.Delays = Delays{2, 2, 2} }))
	if a, b := prompt.Actions[0].Minute, late.Actions[0].Minute; b != a+2 {
		t.Errorf("the first action is in minute %d, and with metrics two minutes late in minute %d", a, b)
	}
	if last := late.Actions[len(late.Actions)-1]; last.To != 1 {
		t.Errorf("the group stays at %d instances, want its minimum", last.To)
	}
}

// Metrics that always come three minutes late leave too few points in the range: the alarm that removes instances fails closed.
func TestScaleInNeverActsOnMetricsThatAreTooLate(t *testing.T) {
	got := Run(setup(burst(50, 0, 300), func(s *Setup) { s.Delays = Delays{0, 0, 3} }))
	if len(got.Actions) == 0 {
		t.Error("the group never grew")
	}
	for _, a := range got.Actions {
		if a.Alarm != "ScaleOut" {
			t.Errorf("instances are removed: %+v", a)
		}
	}
}

// A group of fixed size is a queue with so many servers. Its waits are reckoned a second time, job by job.
func TestAFixedGroupIsAQueueWithServers(t *testing.T) {
	jobs := poisson(3000, 20, 100)
	got := Run(setup(jobs, func(s *Setup) { s.Params.MinCapacity, s.Params.MaxCapacity = 3, 3 }))
	var want []float64
	servers := make([]float64, 6)
	for _, j := range jobs {
		slices.Sort(servers)
		begin := max(servers[0], j.Submit)
		servers[0] = begin + j.Seconds
		want = append(want, begin-j.Submit)
	}
	slices.Sort(want)
	for i := range want {
		if math.Abs(got.Waits[i]-want[i]) > 1e-6 {
			t.Fatalf("rank %d waits for %v s, want %v", i, got.Waits[i], want[i])
		}
	}
	if len(got.Actions) > 0 || got.MinutesAtMax != got.Minutes {
		t.Errorf("a fixed group acted: %+v", got.Actions)
	}
	if want := 3 * 60 * float64(got.Minutes); math.Abs(got.InstanceSeconds-want) > 1e-3 {
		t.Errorf("%v instance seconds, want %v", got.InstanceSeconds, want)
	}
}

// A queue that nothing has used for six hours has no metrics, and for 15 minutes more once a message comes.
func TestASleepingQueueWakesLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		hour   float64
		minute int
	}{{"awake", 5, 5 * 60}, {"asleep", 7, 7*60 + 15}} {
		got := Run(setup(burst(1, c.hour*3600, 60), func(s *Setup) { s.Params.MinCapacity = 0 }))
		if len(got.Actions) == 0 || got.Actions[0].Minute != c.minute || got.Actions[0].To != 1 {
			t.Errorf("%s: actions %+v, want one instance in minute %d", c.name, got.Actions, c.minute)
		}
	}
	polled := Run(setup(burst(50, 7*3600, 300), nil))
	if polled.Actions[0].Minute != 7*60 {
		t.Errorf("a worker that polls keeps the queue awake; first action %+v", polled.Actions[0])
	}
}

func TestNoWorkersNoMetrics(t *testing.T) {
	f, to, m := newFleet(setup(nil, func(s *Setup) { s.Params.MinCapacity = 0 })), newRecord(Delays{}), meters{active: true}
	f.run(60)
	m.measure(f, to, 0)
	f.begin(1)
	f.run(120)
	m.measure(f, to, 1)
	for _, metric := range []string{busyShare, groupCPU, timeSpent, jobsEnded, unfinished} {
		if p := to.series[metric].points; !math.IsNaN(p[0]) || math.IsNaN(p[1]) {
			t.Errorf("%s: %v, want none while no worker runs", metric, p)
		}
	}
}

// Two of three seconds of work are done when the instance goes. The rest is done elsewhere, and nothing is done twice.
func TestAnInstanceThatGoesHandsItsJobsBack(t *testing.T) {
	f := newFleet(setup([]Job{{0, 300, 10}, {0, 300, 20}, {0, 300, 30}}, nil))
	f.begin(2)
	f.run(100)
	f.resize(1) // the oldest of the zones goes: it runs the first and the third job
	if f.load != 30 || f.running != 2 || len(f.waiting) != 1 || f.draining != 1 {
		t.Fatalf("load %v, running %d, waiting %v, draining %d", f.load, f.running, f.waiting, f.draining)
	}
	f.run(161)
	if f.draining != 0 || f.cost != 2*160+1 {
		t.Errorf("draining %d, cost %v; want 0 and 321", f.draining, f.cost)
	}
	f.run(299)
	if f.ended != 0 {
		t.Errorf("%d jobs ended early", f.ended)
	}
	f.run(301)
	if f.ended != 2 {
		t.Errorf("%d jobs ended at 300 s, want 2", f.ended)
	}
	f.run(501)
	if f.ended != 3 || f.running != 0 || f.free != 2 {
		t.Errorf("%d jobs ended, %d run, %d slots are free; want 3, 0, 2", f.ended, f.running, f.free)
	}
}

func TestZonesAreBalanced(t *testing.T) {
	f := newFleet(setup(nil, nil))
	for _, n := range []int{1, 7, 20, 13, 2, 5, 0} {
		f.resize(n)
		f.run(f.now + 600)
		sizes := make([]int, 3)
		for _, i := range f.instances {
			sizes[i.zone]++
		}
		if slices.Max(sizes)-slices.Min(sizes) > 1 || len(f.instances) != n {
			t.Errorf("%d instances: %v by zone", n, sizes)
		}
	}
}

func TestTheSameSetupHasTheSameResult(t *testing.T) {
	s := setup(poisson(2000, 10, 300), nil)
	if diff := cmp.Diff(Run(s), Run(s)); diff != "" {
		t.Error(diff)
	}
}

// Under both readings of missing points the deployed pair acts the same.
func TestBothReadingsActTheSame(t *testing.T) {
	for _, least := range []int{0, 1} {
		var results []Result
		for _, reading := range []scaling.Reading{scaling.Zero, scaling.Drop} {
			results = append(results, Run(setup(poisson(2000, 10, 300), func(s *Setup) {
				s.Reading, s.Delays, s.Params.MinCapacity = reading, Delays{1, 2, 1}, least
			})))
		}
		if diff := cmp.Diff(results[0], results[1]); diff != "" {
			t.Errorf("minimum %d: %s", least, diff)
		}
	}
}

// A month of minutes, 20,000 jobs, up to 200 instances.
func BenchmarkMonth(b *testing.B) {
	s := setup(poisson(20_000, 130, 3000), func(s *Setup) {
		s.Params.MaxCapacity, s.For, s.Delays = 200, 30*24*time.Hour, Delays{1, 2, 1}
	})
	s.Jobs = append(s.Jobs, burst(400, s.Jobs[len(s.Jobs)-1].Submit, 3000)...)
	for b.Loop() {
		if got := Run(s); got.Most != 200 {
			b.Fatalf("at most %d instances", got.Most)
		}
	}
}
