// Command machines boots real machines: fourteen from the local base image, two for each of seven content types, which run
// the deployed user-data with the real Chef client until they serve jobs. Then it ends machines in all the ways that EC2 does,
// and makes boots fail in all the ways it knows. It needs root.
package main

import (
	"context"
	"path/filepath"

	"github.com/worker-tier/worker-tier/bootstrap/image/local"
	"github.com/worker-tier/worker-tier/test/localtier"
	"github.com/worker-tier/worker-tier/test/stage"
)

func main() { stage.Main("bootstrap", nil, run) }

// options are what the user chose and where things are.
type options struct {
	root string // of the project
	dir  string // everything that a run writes, but for the image and what the tools cache
}

func run(ctx context.Context, _ []string) error {
	var o options
	var err error
	if o.root, err = localtier.ProjectRoot(); err != nil {
		return err
	}
	o.dir = filepath.Join(o.root, ".build", "machines")
	unlock, err := o.prepare()
	if err != nil {
		return err
	}
	defer unlock()
	return newTrial(o).run(ctx)
}

// prepare refuses what the run cannot work with, and begins with an empty folder, of one run at a time.
func (o options) prepare() (unlock func(), err error) {
	if err := local.Check(); err != nil {
		return nil, err
	}
	if err := localtier.CheckCDK(o.root, "bootstrap-test"); err != nil {
		return nil, err
	}
	return localtier.OwnFolder(o.dir, "bootstrap-test")
}
