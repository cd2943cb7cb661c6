package sim

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Campaign is many seeds.
type Campaign struct {
	First    uint64
	Seeds    int
	Controls int // seeds within which each negative control must be caught; 0: controls are not played
}

// Summary of a campaign.
type Summary struct {
	First      uint64
	Seeds      int
	Controls   []NegativeControl // that were played, by name
	Events     uint64
	Violations []*Violation
	Different  []uint64                       // seeds whose second run had another trace
	Caught     map[NegativeControl]*Violation // by the invariant that has to catch it
	Untroubled int                            // jobs to which nothing happened by their own fault or an operator's wish
	Done       int                            // of those
}

// done is the least share of untroubled jobs that must be DONE: the others were dropped by too many dying machines.
const done = 0.8

// Passed reports whether there is nothing to complain of.
func (s Summary) Passed() bool {
	return len(s.Violations) == 0 && len(s.Different) == 0 && len(s.Caught) == len(s.Controls) && s.enough()
}

func (s Summary) enough() bool { return float64(s.Done) >= done*float64(s.Untroubled) }

// Run plays the campaign on all processors.
func (c Campaign) Run() Summary {
	s := Summary{First: c.First, Seeds: c.Seeds, Caught: map[NegativeControl]*Violation{}}
	if c.Controls > 0 {
		s.Controls = slices.Sorted(maps.Keys(NegativeControls))
	}
	var mu sync.Mutex
	parallel(c.Seeds, func(i int) bool {
		seed := c.First + uint64(i)
		r := Run(Options{Seed: seed})
		again := r.Trace
		if i%50 == 0 {
			again = Run(Options{Seed: seed}).Trace
		}
		mu.Lock()
		defer mu.Unlock()
		s.Events, s.Untroubled, s.Done = s.Events+r.Events, s.Untroubled+r.Untroubled, s.Done+r.Done
		if r.Violation != nil {
			s.Violations = append(s.Violations, r.Violation)
		}
		if again != r.Trace {
			s.Different = append(s.Different, seed)
		}
		return true
	})
	slices.SortFunc(s.Violations, func(a, b *Violation) int { return int(a.Seed) - int(b.Seed) })
	for _, control := range s.Controls {
		invariant := NegativeControls[control]
		parallel(c.Controls, func(i int) bool {
			r := Run(Options{Seed: c.First + uint64(i), Control: control})
			if r.Violation == nil || r.Violation.Invariant != invariant {
				return true
			}
			mu.Lock()
			defer mu.Unlock()
			if first := s.Caught[control]; first == nil || r.Violation.Seed < first.Seed {
				s.Caught[control] = r.Violation
			}
			return false
		})
	}
	return s
}

// parallel calls do for 0 … n-1 until one call says stop.
func parallel(n int, do func(i int) bool) {
	var next atomic.Int64
	var stop atomic.Bool
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if !do(i) {
					stop.Store(true)
				}
			}
		})
	}
	wait.Wait()
}

// Print writes what a person wants to know, the verdict last.
func (s Summary) Print(to io.Writer) error {
	var err error
	say := func(format string, args ...any) {
		if _, e := fmt.Fprintf(to, format+"\n", args...); err == nil {
			err = e
		}
	}
	for _, c := range s.Controls {
		if v := s.Caught[c]; v != nil {
			say("control %-43s caught by %s at seed %d: %.150s", string(c), v.Invariant, v.Seed, v.What)
		} else {
			say("control %-43s NOT CAUGHT by %s", string(c), NegativeControls[c])
		}
	}
	for _, seed := range s.Different {
		say("seed %d: two runs gave two traces\n  replay: go run ./worker/internal/sim/cmd -seed %d -trace", seed, seed)
	}
	for _, v := range s.Violations {
		say("%s\n  replay: go run ./worker/internal/sim/cmd -seed %d -trace", v, v.Seed)
	}
	if !s.enough() {
		say("too few jobs are DONE of those that nothing troubled: want %.0f %%", 100*done)
	}
	say("%d events, %d of %d untroubled jobs DONE", s.Events, s.Done, s.Untroubled)
	if !s.Passed() {
		say("again: make sim SEEDS=%d FROM=%d", s.Seeds, s.First)
	}
	say("sim: first=%d seeds=%d violations=%d negative_controls_caught=%d/%d", s.First, s.Seeds, len(s.Violations), len(s.Caught), len(s.Controls))
	return err
}
