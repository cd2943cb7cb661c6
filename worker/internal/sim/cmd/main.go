// Command cmd plays seeds of the simulator: all of a campaign, or one with its trace.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/worker-tier/worker-tier/worker/internal/sim"
)

func main() {
	seeds := flag.Int("seeds", 2000, "number of seeds")
	first := flag.Uint64("first", 1, "first seed")
	controls := flag.Int("controls", 1000, "seeds within which each negative control must be caught")
	seed := flag.Uint64("seed", 0, "play this seed alone")
	control := flag.String("control", "", "the negative control under which to play the one seed, for example \"no epoch test\"")
	trace := flag.Bool("trace", false, "print the trace of the one seed")
	flag.Parse()

	if *seed != 0 {
		os.Exit(one(*seed, sim.NegativeControl(*control), *trace))
	}
	summary := sim.Campaign{First: *first, Seeds: *seeds, Controls: *controls}.Run()
	if err := summary.Print(os.Stdout); err != nil || !summary.Passed() {
		os.Exit(1)
	}
}

func one(seed uint64, control sim.NegativeControl, trace bool) int {
	o := sim.Options{Seed: seed, Control: control}
	if trace {
		o.Trace = os.Stdout
	}
	r := sim.Run(o)
	fmt.Printf("seed %d: trace %016x, %d events, %s\n", seed, r.Trace, r.Events, r.Lasted)
	if r.Violation != nil {
		fmt.Println(r.Violation)
		return 1
	}
	return 0
}
