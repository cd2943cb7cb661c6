package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/worker-tier/worker-tier/test/localtier"
)

// emptyDir begins a run with an empty folder.
func emptyDir(o options) error {
	if err := os.RemoveAll(o.dir); err != nil {
		return err
	}
	return os.MkdirAll(o.dir, 0o755)
}

// stop ends everything that the demo started: the instances, then the local AWS.
func (d *demo) stop() {
	if err := d.Stop(); err != nil {
		d.say("the local EC2: %v", err)
	}
	_ = os.Remove(pidFile(d.options)) // nothing is running that it could name
}

// nothingLeft stops everything and looks for what is left.
func (d *demo) nothingLeft(context.Context) (string, error) {
	started := 0
	if d.Launcher != nil {
		started = len(d.Launcher.All())
	}
	d.stop()
	left, err := localtier.Leftovers(d.dir)
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", errors.New("still running: " + strings.Join(left, ", "))
	}
	return fmt.Sprintf("%d instances and the local AWS were stopped, no process has to do with the demo's folder", started), nil
}

func pidFile(o options) string { return filepath.Join(o.dir, "pid") }

// recordRunning notes the process that runs the demo, with its start time: ids are used again.
func recordRunning(o options) error {
	start, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	return os.WriteFile(pidFile(o), fmt.Appendf(nil, "%d %s\n", os.Getpid(), start), 0o644)
}

// runningDemo is the process that runs a demo in this folder.
func runningDemo(o options) (pid int, running bool) {
	text, err := os.ReadFile(pidFile(o))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return 0, false
	}
	if pid, err = strconv.Atoi(fields[0]); err != nil {
		return 0, false
	}
	start, err := startTime(pid)
	return pid, err == nil && start == fields[1]
}

// startTime is when a process started, in ticks since the machine did (proc_pid_stat(5), field 22).
func startTime(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from field 3 on
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	return fields[19], nil
}
