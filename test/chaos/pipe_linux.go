package main

import (
	"fmt"
	"os"
	"syscall"
)

// shrink makes a pipe as small as the kernel has them, so that a reader that stalls is felt at once.
func shrink(pipe *os.File) error {
	const setPipeSize, page = 1031, 4096 // F_SETPIPE_SZ, which package syscall does not have
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, pipe.Fd(), setPipeSize, page); errno != 0 {
		return fmt.Errorf("the pipe of a log: %w", errno)
	}
	return nil
}
