// Command cmd plays seeds of the simulator: all of a campaign, or one with its trace.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/worker-tier/worker-tier/worker/internal/sim"
)

func main() {
	seeds := flag.Int("seeds", 2000, "number of seeds")
	first := flag.String("first", "1", "first seed, or \"random\". Negative controls are played with 1 alone: other seeds need not catch them")
	controls := flag.Int("controls", 1000, "seeds within which each negative control must be caught")
	seed := flag.Uint64("seed", 0, "play this seed alone")
	control := flag.String("control", "", "the negative control under which to play the one seed, for example \"no epoch test\"")
	trace := flag.Bool("trace", false, "print the trace of the one seed")
	flag.Parse()

	if *seed != 0 {
		os.Exit(one(*seed, sim.NegativeControl(*control), *trace))
	}
	campaign := sim.Campaign{Seeds: *seeds, Controls: *controls}
	var err error
	if campaign.First, err = firstSeed(*first); err != nil {
		fmt.Fprintf(os.Stderr, "-first %s: want a number from 1, or random\n", *first)
		os.Exit(2)
	}
	if campaign.First != 1 {
		campaign.Controls = 0
	}
	fmt.Printf("sim: seeds %d to %d\n", campaign.First, campaign.First+uint64(campaign.Seeds)-1) // also if one does not end
	summary := campaign.Run()
	if err := summary.Print(os.Stdout); err != nil || !summary.Passed() {
		os.Exit(1)
	}
}

// firstSeed reads the first seed. A random one has ten digits at most, so that a person can type it.
func firstSeed(text string) (uint64, error) {
	if text == "random" {
		return 1 + rand.Uint64N(1<<32), nil
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err == nil && seed == 0 { // stands for none
		err = strconv.ErrRange
	}
	return seed, err
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
