//go:build !linux

package localec2

import "errors"

// StartProcess needs /proc, to know all processes of an instance.
func StartProcess(Boot) (Machine, error) {
	return nil, errors.New("local instances need Linux: run this in a Linux machine or container")
}
