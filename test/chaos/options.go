package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/worker-tier/worker-tier/test/fulldisk"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// options are what the user chose and where things are.
type options struct {
	kills int
	seed  uint64
	json  bool
	port  int    // of the local AWS
	root  string // of the project
	dir   string // everything that a run writes, but for what the tools cache
}

const mostKills = 10_000

func readOptions(args []string) (options, error) {
	var o options
	var err error
	if o.root, err = localtier.ProjectRoot(); err != nil {
		return o, err
	}
	o.dir = filepath.Join(o.root, ".build", "chaos")
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.IntVar(&o.kills, "kills", 30, "how often a process, a slot or an instance is killed, frozen or drained")
	flags.Uint64Var(&o.seed, "seed", 0, "which faults, in which order; 0: a new one")
	flags.BoolVar(&o.json, "json", false, "print a summary as JSON to standard output, and all else to standard error")
	flags.IntVar(&o.port, "port", 0, "of the local AWS; 0: a free one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.kills < 1 || o.kills > mostKills {
		return o, fmt.Errorf("-kills %d is not a number from 1 to %d", o.kills, mostKills)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	return o, nil
}

// prepare refuses what the run cannot work with, and begins with an empty folder, of one run at a time.
func (o options) prepare() (unlock func(), err error) {
	if err := localtier.CheckProcesses(o.root, "chaos", "chaos kills"); err != nil {
		return nil, err
	}
	if err := fulldisk.Unmount(o.dir); err != nil {
		return nil, err
	}
	return localtier.OwnFolder(o.dir, "chaos")
}
