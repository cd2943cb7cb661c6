// Package sim runs the worker's real sequential core (packages job, lease and sweep, on the stores and
// queues in memory) on many simulated instances in virtual time, with faults at every step, and judges
// every write from outside. Everything is drawn from one seed: the same seed gives the same trace.
//
// What is simulated instead of run: the shell around the core (package supervisor: loops, timers,
// processes), the slots and their processors, the network, the clocks and the operators.
package sim
