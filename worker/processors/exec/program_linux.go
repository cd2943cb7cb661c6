package exec

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// attributes: the kernel kills the program when the slot dies without having been able to.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// endLeftovers kills what the program has left behind, even in another process group or session: it would
// go on beside the next job. mark is an environment variable, as "name=value", that nobody else has. New
// processes may come while the old ones are looked for, hence the rounds.
func endLeftovers(mark string) {
	for range 100 {
		left := marked(mark)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		if len(left) == 0 {
			return
		}
	}
}

// marked finds processes by the environment they were started with (proc(5)).
func marked(mark string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err != nil {
			continue // it has ended, or is another user's
		}
		if slices.Contains(strings.Split(string(environ), "\x00"), mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}
