//go:build previous

package main

import "github.com/worker-tier/worker-tier/worker/processor"

// start runs the worker with a processor, by the name that its main function had in the release before.
func start(p processor.Processor) { processor.Main(p) }
