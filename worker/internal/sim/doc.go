// Package sim runs the worker's own code on many simulated instances in virtual time, with faults at every step, and
// judges every write from outside. The code is that of packages job, lease, sweep and loop, on the stores and queues in
// memory. Everything is drawn from one seed: the same seed gives the same trace.
//
// Simulated are the host of the loops (tasks and slot processes, instead of package supervisor), the processors, the
// network, the clocks and the operators.
package sim
