//go:build !linux

package exec

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
