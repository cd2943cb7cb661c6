//go:build !linux

package localec2

import "errors"

var errLinux = errors.New("local instances need Linux: run this in a Linux machine or container")

// StartProcess needs /proc, to know all processes of an instance.
func StartProcess(Boot) (Machine, error) {
	return nil, errLinux
}

// Start needs systemd-nspawn.
func (Machines) Start(Boot) (Machine, error) { return nil, errLinux }
