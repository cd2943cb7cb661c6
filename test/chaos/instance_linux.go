package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/worker-tier/worker-tier/test/localec2"
)

// temporary is the folder for temporary files of an instance.
func temporary(i *localec2.Instance) string { return filepath.Join(i.Dir, localec2.TemporaryFolder) }

const ballast = "ballast"

// fill leaves no room in a folder: as root by a full file system in its place, else by its mode.
func fill(dir string) error {
	if os.Getuid() != 0 {
		return os.Chmod(dir, 0o555)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		return fmt.Errorf("mount a small file system on %s: %w", dir, err)
	}
	file, err := os.Create(filepath.Join(dir, ballast))
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 16<<20))
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%s is not full: %w", dir, err)
	}
	return file.Close()
}

// free makes room again.
func free(dir string) error {
	if os.Getuid() != 0 {
		return os.Chmod(dir, 0o755)
	}
	return os.Remove(filepath.Join(dir, ballast))
}

// unmountAll ends the file systems of fill below a folder, of an earlier run that was killed, too.
func unmountAll(dir string) error {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return err
	}
	defer func() { _ = mounts.Close() }()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // proc_pid_mounts(5): the second is the folder
		if len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil { // a program may have a file open
				return err
			}
		}
	}
	return nil
}

// shrink makes a pipe as small as the kernel has them, so that a reader that stalls is felt at once.
func shrink(pipe *os.File) error {
	const setPipeSize, page = 1031, 4096 // F_SETPIPE_SZ, which package syscall does not have
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, pipe.Fd(), setPipeSize, page); errno != 0 {
		return fmt.Errorf("the pipe of a log: %w", errno)
	}
	return nil
}
