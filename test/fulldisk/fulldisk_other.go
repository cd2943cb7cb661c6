//go:build !linux

package fulldisk

import "errors"

var errLinux = errors.New("this needs Linux")

// Fill needs Linux.
func Fill(string) error { return errLinux }

// Free needs Linux.
func Free(string) error { return errLinux }

// Unmount has nothing to do.
func Unmount(string) error { return nil }
