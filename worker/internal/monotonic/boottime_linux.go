package monotonic

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since the machine booted, time in suspend included (clock_gettime(2), CLOCK_BOOTTIME).
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("clock_gettime(CLOCK_BOOTTIME): " + err.Error()) // in every kernel since 2.6.39
	}
	return time.Duration(ts.Nano())
}
