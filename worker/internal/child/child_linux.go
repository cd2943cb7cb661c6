package child

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitAwaited says that [awaitExit] returns before the process is reaped.
const exitAwaited = true

// attributes has the kernel signal the process when this one dies without having been able to.
func attributes(c Command) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: c.Group, Pdeathsig: c.Orphaned}
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
