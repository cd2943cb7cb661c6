//go:build !linux

package child

import "syscall"

// exitAwaited: without waitid(2) in golang.org/x/sys the group is killed right after its leader was reaped.
const exitAwaited = false

func attributes(c Command) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: c.Group} }

func awaitExit(int) {}
