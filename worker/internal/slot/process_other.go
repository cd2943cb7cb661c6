//go:build !linux

package slot

import "syscall"

// exitAwaited: without waitid(2) in golang.org/x/sys the group is killed right after its leader was reaped.
const exitAwaited = false

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func awaitExit(int) {}

func offerToKernel() {}
