package exec

import "syscall"

// attributes: the kernel kills the program when the slot dies without having been able to.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
