//go:build !linux

package monotonic

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is the system's monotonic clock (on Darwin it counts suspend).
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("clock_gettime(CLOCK_MONOTONIC): " + err.Error())
	}
	return time.Duration(ts.Nano())
}
