// Package monotonic reads the clock that leases run on: it never jumps, goes on while the machine is
// suspended where the system has such a clock, and is the same for all processes of a machine, so that
// a supervisor can hand a slot an absolute deadline.
package monotonic
