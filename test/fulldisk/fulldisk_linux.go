// Package fulldisk leaves no room in a folder, as a disk that is full.
package fulldisk

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// size is the room of the file system that [Fill] mounts, in bytes.
const size = 8 << 20

const ballast = "ballast"

// Fill leaves no room in a folder: as root by a full file system in its place, else by the modes of all folders in it.
func Fill(dir string) error {
	if os.Getuid() != 0 {
		return chmodAll(dir, 0o555)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		return fmt.Errorf("mount a small file system on %s: %w", dir, err)
	}
	file, err := os.Create(filepath.Join(dir, ballast))
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 2*size))
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%s is not full: %w", dir, err)
	}
	return file.Close()
}

// Free makes room again. What was there before Fill may stay hidden until [Unmount].
func Free(dir string) error {
	if os.Getuid() != 0 {
		return chmodAll(dir, 0o755)
	}
	return os.Remove(filepath.Join(dir, ballast))
}

func chmodAll(dir string, mode fs.FileMode) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // a job's folder may have just gone
		}
		return os.Chmod(path, mode)
	})
}

// Unmount ends the file systems of Fill in a folder, and those that a run has left which was killed.
func Unmount(dir string) error {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return err
	}
	defer func() { _ = mounts.Close() }()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // proc_pid_mounts(5): the second is the folder
		if len(fields) > 1 && (fields[1] == dir || strings.HasPrefix(fields[1], dir+"/")) {
			if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil { // a program may have a file open
				return err
			}
		}
	}
	return nil
}
