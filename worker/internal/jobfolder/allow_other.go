//go:build !linux

package jobfolder

import "golang.org/x/sys/unix"

// allow lets the owner of a folder do everything with it, without following a link.
func allow(parent int, name string) error {
	return unix.Fchmodat(parent, name, 0o700, unix.AT_SYMLINK_NOFOLLOW)
}
