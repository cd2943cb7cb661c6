package confine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Shield makes this process not dumpable. No other process of its user can then read or write its memory, read its
// environment, or open its descriptors through /proc, unless it has CAP_SYS_PTRACE. Programs that it starts are dumpable
// again from their execve(2) on. The kernel makes root the owner of this process's files in /proc, and writes no core dump.
// https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
func Shield() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("shield this process from others of its user (PR_SET_DUMPABLE): %w", err)
	}
	return nil
}
