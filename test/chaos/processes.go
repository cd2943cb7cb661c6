package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/worker-tier/worker-tier/test/localec2"
)

// processesOf finds an instance's supervisor, which this process has started (0: it has ended), and its slots, which
// the supervisor has.
func processesOf(i *localec2.Instance) (supervisor int, slots []int) {
	parents := map[int]int{}
	for _, pid := range i.Machine.Processes() {
		if parent, err := parentOf(pid); err == nil {
			parents[pid] = parent
		}
	}
	for pid, parent := range parents {
		if parent == os.Getpid() {
			supervisor = pid
		}
	}
	for pid, parent := range parents {
		if supervisor != 0 && parent == supervisor {
			slots = append(slots, pid)
		}
	}
	return supervisor, slots
}

// parentOf reads the parent of a process (proc_pid_stat(5), field 4).
func parentOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from field 3 on
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	return strconv.Atoi(fields[1])
}
