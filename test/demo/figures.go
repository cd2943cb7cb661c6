package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

// What the worker may need.
const (
	maxBinary       = 34_000_000 // bytes; what the API for authors brings is in it, see decision 070
	maxMemory       = 40_000_000 // bytes; of an idle supervisor
	maxStartToClaim = 500 * time.Millisecond
)

// binary is a built worker.
type binary struct {
	path string
	size int64
}

// buildWorkers builds the worker as it is bundled for the instances, for each architecture.
func (d *demo) buildWorkers(ctx context.Context) (map[string]binary, error) {
	out := map[string]binary{}
	for _, architecture := range []bundle.Architecture{bundle.AMD64, bundle.ARM64} {
		built, err := bundle.Build(ctx, bundle.Props{Dir: d.root, Worker: tierspec.Worker{Package: "./worker"}, Architecture: architecture})
		if err != nil {
			return nil, err
		}
		path := filepath.Join(built.Dir, "bin", "worker")
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		out[string(architecture)] = binary{path, info.Size()}
	}
	return out, nil
}

// hostWorker is the worker that runs on this machine.
func (d *demo) hostWorker() string { return d.workers[runtime.GOARCH].path }

// startToClaim is the least time from the start of a worker to its claim of the job that waited for it, of some whose instances
// replace each other: what else the machine does only adds to it.
func (d *demo) startToClaim(ctx context.Context) (time.Duration, error) {
	const contentType, instances = "calendars", 5
	least := time.Duration(math.MaxInt64)
	for n := 0; n < instances && least > maxStartToClaim; n++ {
		running, err := d.running(ctx, contentType, 1)
		if err != nil {
			return 0, err
		}
		id := fmt.Sprintf("start-%d", n)
		running[0].Machine.Shutdown()
		if err := d.submitInventory(ctx, contentType, id, inventories[contentType]); err != nil {
			return 0, err
		}
		if _, err := d.awaitDone(ctx, contentType, id); err != nil {
			return 0, err
		}
		for _, i := range d.Launcher.Instances() {
			if writes := i.AWS.Requests(accepted(aboutJob(contentType, id))); len(writes) > 0 && i.Started.After(running[0].Started) {
				least = min(least, writes[0].At.Add(writes[0].Took).Sub(i.Machine.Began()))
			}
		}
	}
	if least == math.MaxInt64 {
		return 0, fmt.Errorf("of %d instances of %s that replaced each other none claimed the job that waited", instances, contentType)
	}
	return least, nil
}

// figures checks size, memory and start of the worker.
func (d *demo) figures(ctx context.Context) (string, error) {
	startToClaim, err := d.startToClaim(ctx)
	if err != nil {
		return "", err
	}
	var memory int64
	for _, i := range d.Launcher.Instances() {
		m, err := i.Machine.Memory()
		if err != nil {
			return "", err
		}
		memory = max(memory, m)
	}
	amd64, arm64 := d.workers["amd64"].size, d.workers["arm64"].size
	seen := fmt.Sprintf("start to first claim %d ms (limit %d), idle supervisor at most %.1f MB (limit %d), binary %.1f MB for amd64 and %.1f MB for arm64 (limit %d)",
		startToClaim.Milliseconds(), maxStartToClaim.Milliseconds(), float64(memory)/1e6, maxMemory/1_000_000, float64(amd64)/1e6, float64(arm64)/1e6, maxBinary/1_000_000)
	if d.machines {
		seen = strings.Replace(seen, fmt.Sprintf("(limit %d), idle", maxStartToClaim.Milliseconds()), "from the start of its machine, idle", 1)
	}
	if startToClaim > maxStartToClaim && !d.machines || memory > maxMemory || amd64 > maxBinary || arm64 > maxBinary {
		return "", fmt.Errorf("%s", seen)
	}
	return seen, nil
}
