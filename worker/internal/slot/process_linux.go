package slot

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitAwaited says that [awaitExit] returns before the process is reaped.
const exitAwaited = true

// attributes puts a slot in its own group and has the kernel tell it when its supervisor dies. The
// signal is one that the slot handles, not SIGKILL: a slot killed on the spot could not take the
// programs of its group with it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: supervisorDied}
}

// awaitExit returns when the process has ended but is not reaped yet, so that its number, and its
// group's, cannot have been given to another process.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// offerToKernel has the kernel kill this slot, or what it starts, before anything else when the machine is out
// of memory (proc(5), oom_score_adj): the supervisor's end would cost all jobs.
func offerToKernel() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) // raising it is allowed to everybody
}
