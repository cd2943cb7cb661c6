package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/test/localec2"
)

// What the worker may need.
const (
	maxBinary       = 30_000_000 // bytes
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
		built, err := bundle.Build(ctx, bundle.Props{Dir: d.root, Worker: config.Worker{Package: "./worker"}, Architecture: architecture})
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
		for _, i := range d.launcher.Instances() {
			if writes := i.AWS.Requests(accepted(aboutJob(contentType, id))); len(writes) > 0 && i.Started.After(running[0].Started) {
				began, err := d.workerBegan(i)
				if err != nil {
					return 0, err
				}
				least = min(least, writes[0].At.Add(writes[0].Took).Sub(began))
			}
		}
	}
	if least == math.MaxInt64 {
		return 0, fmt.Errorf("of %d instances of %s that replaced each other none claimed the job that waited", instances, contentType)
	}
	return least, nil
}

// startedLog is what a worker logs once it has started.
var startedLog = regexp.MustCompile(`"msg":"worker started","pid":(\d+)`)

// workerBegan is when the worker's process of an instance that runs began, to a hundredth of a second; a machine's processes
// are not seen from here: when the machine began.
func (d *demo) workerBegan(i *localec2.Instance) (time.Time, error) {
	if d.machines {
		return i.Started, nil
	}
	const perSecond = 100 // ticks, of all architectures: proc_pid_stat(5), times(2)
	log, err := os.ReadFile(filepath.Join(i.Dir, localec2.LogFile))
	if err != nil {
		return time.Time{}, err
	}
	found := startedLog.FindSubmatch(log)
	if found == nil {
		return time.Time{}, fmt.Errorf("the log of %s does not say which process its worker is", i.ID)
	}
	stat, err := os.ReadFile(filepath.Join("/proc", string(found[1]), "stat"))
	if err != nil {
		return time.Time{}, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name may hold spaces
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}, err
	}
	return time.Now().Add(time.Duration(ticks)*time.Second/perSecond - time.Duration(now.Nano())), nil
}

// figures checks size, memory and start of the worker.
func (d *demo) figures(ctx context.Context) (string, error) {
	startToClaim, err := d.startToClaim(ctx)
	if err != nil {
		return "", err
	}
	var memory int64
	for _, i := range d.launcher.Instances() {
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
