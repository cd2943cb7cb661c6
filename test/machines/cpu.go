package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what the processors of this machine have been busy with.
type usage struct{ all, own time.Duration }

// others is how much of the time was taken from each processor by what is none of this run's.
func (u usage) others(before usage) time.Duration {
	return max(0, (u.all-before.all)-(u.own-before.own)) / time.Duration(runtime.NumCPU())
}

// tick is the unit of /proc's processor times: USER_HZ is 100 on every architecture that Go knows.
const tick = 10 * time.Millisecond

// usage reads the processor times: of all, and of this process, the local AWS and the machines.
func (t *trial) usage() (usage, error) {
	var u usage
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	for n, field := range strings.Fields(string(line))[1:] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat: %w", err)
		}
		if n != 3 && n != 4 && n < 8 { // idle, waiting for a disk; what guests take is in the first two
			u.all += time.Duration(ticks) * tick
		}
	}
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return u, err
	}
	u.own = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	aws, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.Server.PID))
	if err != nil {
		return u, err
	}
	for _, field := range strings.Fields(string(aws[bytes.LastIndexByte(aws, ')')+1:]))[11:13] { // utime, stime
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		u.own += time.Duration(ticks) * tick
	}
	for _, i := range t.Launcher.Instances() {
		machine, err := i.Machine.(booted).CPU()
		if err != nil {
			return u, err
		}
		u.own += machine
	}
	return u, nil
}
