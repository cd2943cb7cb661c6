package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/worker-tier/worker-tier/bootstrap/image/local"
	"github.com/worker-tier/worker-tier/test/localtier"
)

// defaultPort is where local AWS endpoints are usually found.
const defaultPort = 4566

// options are what the user chose and where things are.
type options struct {
	root string // of the project
	dir  string // everything the demo writes, but for what the tools cache
	port int    // of the local AWS
	keep bool   // leave the tier running
	// machines: instances are machines that boot; they are not ready as fast as processes.
	machines bool
}

func readOptions(getenv func(string) string) (options, error) {
	root, err := localtier.ProjectRoot()
	if err != nil {
		return options{}, err
	}
	o := options{root: root, dir: filepath.Join(root, ".build", "demo"), port: defaultPort}
	if text := getenv("PORT"); text != "" {
		if o.port, err = strconv.Atoi(text); err != nil || o.port < 0 || o.port > 65535 {
			return options{}, fmt.Errorf("PORT=%s is not a port: give a number from 1 to 65535, or 0 for a free one", text)
		}
	}
	if text := getenv("KEEP"); text != "" {
		if o.keep, err = strconv.ParseBool(text); err != nil {
			return options{}, fmt.Errorf("KEEP=%s is neither 1 nor 0", text)
		}
	}
	switch text := getenv("INSTANCES"); text {
	case "", "processes":
	case "machines":
		o.machines = true
	default:
		return options{}, fmt.Errorf("INSTANCES=%s is neither processes nor machines", text)
	}
	return o, nil
}

// checkMachine refuses a machine that the demo cannot run on, with what to do.
func checkMachine(o options) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the demo starts instances as Linux processes and this is %s: run it in a Linux machine or container", runtime.GOOS)
	}
	if o.machines {
		if err := local.Check(); err != nil {
			return err
		}
	}
	if err := localtier.CheckCDK(o.root, "demo"); err != nil {
		return err
	}
	if pid, ok := runningDemo(o); ok {
		return fmt.Errorf("a demo is running already (process %d): stop it with make demo-stop", pid)
	}
	return nil
}
