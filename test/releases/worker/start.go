//go:build !previous

package main

import (
	"github.com/worker-tier/worker-tier/worker/processor"
	"github.com/worker-tier/worker-tier/worker/program"
)

// start runs the worker with a processor.
func start(p processor.Processor) { program.Main(p) }
