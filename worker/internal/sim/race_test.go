//go:build race

package sim

// seeds are few: the race detector makes ten times as much of each.
const seeds = 20
