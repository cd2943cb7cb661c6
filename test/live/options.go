package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/test/localtier"
)

// options are what the user chose and where things are.
type options struct {
	only []string // parts of the program; none: all
	json bool
	port int    // of the local AWS
	root string // of the project
	dir  string // everything that a run writes, but for what the tools cache
}

func readOptions(args []string) (options, error) {
	var o options
	var err error
	if o.root, err = localtier.ProjectRoot(); err != nil {
		return o, err
	}
	o.dir = filepath.Join(o.root, ".build", "live")
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	only := flags.String("only", "", "which parts, with commas between: "+strings.Join(partNames(), ", ")+"; default: all")
	flags.BoolVar(&o.json, "json", false, "print a summary as JSON to standard output, and all else to standard error")
	flags.IntVar(&o.port, "port", 0, "of the local AWS; 0: a free one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(partNames(), name) {
			return o, fmt.Errorf("-only %s is not a part: there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return o, nil
}

// prepare refuses what the run cannot work with, and begins with an empty folder, of one run at a time.
func (o options) prepare() (unlock func(), err error) {
	if err := localtier.CheckProcesses(o.root, "live", "live runs instances as"); err != nil {
		return nil, err
	}
	return localtier.OwnFolder(o.dir, "live")
}
