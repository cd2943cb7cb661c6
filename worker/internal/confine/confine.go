// Package confine keeps each slot, with everything it starts, within its memory and within reach of a kill.
//
// Where systemd has delegated a cgroup to the worker (Delegate= of its unit), each slot gets a cgroup of its
// own: the kernel holds the limit to the byte, bounds the number of processes, and kills all of a slot at once, programs that
// have left its process group and session included. Elsewhere on Linux the supervisor looks at the memory of the slot's
// process group and descendants four times a second, so a slot can be over its limit for that long, and a
// daemon that has cut itself loose (its parent ended) is not counted. It is killed with its slot all the same,
// found by a variable in its environment; only one that has cleared or hidden its environment, or runs as another user,
// lives on. On other systems slots have no limit, and what leaves the process group lives on.
package confine

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
)

// Variables by which a slot and what it starts are found, and by which a slot finds its own cgroup.
const (
	envMark   = "WORKER_SLOT"
	envCgroup = "WORKER_SLOT_CGROUP"
)

// envGoMemory is read by Go's runtime: near this much it collects garbage rather than grow.
// https://pkg.go.dev/runtime#hdr-Environment_Variables
const envGoMemory = "GOMEMLIMIT"

// MemoryError says that a slot was killed for its use of memory.
type MemoryError struct{ Used, Limit int64 } // bytes; Used may be a little late

func (e *MemoryError) Error() string {
	return fmt.Sprintf("it used %s of memory, its limit is %s: lower processesPerInstance, raise memoryPerProcess or take a larger instance type",
		gibibytes(e.Used), gibibytes(e.Limit))
}

func gibibytes(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

// Share is the memory of one of n slots where nothing else was set: what the machine has, less a tenth (at
// least 256 MiB, at most half) for the system and the supervisor, in equal parts.
func Share(machine int64, n int) int64 {
	reserve := min(max(machine/10, 256<<20), machine/2)
	return (machine - reserve) / int64(n)
}

// Confinement is how a supervisor confines its slots. A nil one sets no limit.
type Confinement struct {
	limit   int64    // bytes; 0: none
	cgroups *cgroups // nil: none was delegated
	table   *processTable
}

// New finds out how slots can be confined here and logs it; limit is in bytes. Called once, before the
// first slot: it moves this process into a cgroup beside those of the slots.
func New(limit int64, log *slog.Logger) *Confinement {
	c := &Confinement{limit: limit, table: &processTable{}}
	log = log.With("limit_mib", limit>>20)
	if !watched {
		log.Warn("the memory of slots is not limited on this operating system")
		return c
	}
	var err error
	if c.cgroups, err = delegatedCgroups(); err != nil {
		log.Info("the memory of slots is limited by looking at it", "no_cgroup", err.Error())
	} else {
		log.Info("the memory of slots is limited by cgroups", "cgroup", c.cgroups.dir, "processes_limited", c.LimitsProcesses())
	}
	return c
}

// LimitsProcesses reports whether each slot has a limit of processes.
func (c *Confinement) LimitsProcesses() bool { return c != nil && c.cgroups != nil && c.cgroups.pids }

// Cell holds one slot process and what it starts.
type Cell struct {
	limit  int64
	mark   string  // in the environment of all that is in the cell
	cgroup *cgroup // nil: none
	table  *processTable

	exceeded *MemoryError // by Watch
}

// Cell makes the cell of a slot that is about to be started; it must be closed.
func (c *Confinement) Cell() (*Cell, error) {
	cell := &Cell{mark: envMark + "=" + rand.Text()}
	if c == nil {
		return cell, nil
	}
	cell.limit, cell.table = c.limit, c.table
	if c.cgroups == nil {
		return cell, nil
	}
	var err error
	if cell.cgroup, err = c.cgroups.add(c.limit); err != nil {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	return cell, nil
}

// Environ adds to a slot's environment what the cell needs there, and has Go's runtime collect garbage
// before the limit is reached.
func (c *Cell) Environ(environ []string) []string {
	environ = append(slices.Clip(environ), c.mark)
	if c.cgroup != nil {
		environ = append(environ, envCgroup+"="+c.cgroup.dir)
	}
	set := slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, envGoMemory+"=") })
	if c.limit > 0 && !set {
		environ = append(environ, fmt.Sprintf("%s=%d", envGoMemory, c.limit/10*9))
	}
	return environ
}

// Admit puts a slot's process, which has been started and has no job yet, into the cell.
func (c *Cell) Admit(pid int) error {
	if c.cgroup == nil {
		return nil
	}
	return c.cgroup.admit(pid)
}

// Guard calls kill when the slot, whose process group has this number, is over its limit. It returns then,
// when done is closed, or at once where the kernel does the watching.
func (c *Cell) Guard(group int, kill func(), done <-chan struct{}) {
	if c.limit == 0 || c.cgroup != nil || !watched {
		return
	}
	if used := c.table.await(group, c.limit, done); used > 0 {
		c.exceeded = &MemoryError{Used: used, Limit: c.limit}
		kill()
	}
}

// Close kills whatever is left in the cell, once [Cell.Guard] has returned. It says so if the slot was killed
// for its memory.
func (c *Cell) Close() *MemoryError {
	if c.cgroup != nil {
		c.exceeded = c.cgroup.exceeded(c.limit)
		c.cgroup.remove()
	}
	EndMarked(c.mark)
	return c.exceeded
}

// EndSelf is for a slot: it kills what is in its own cell, itself included where it has a cgroup.
func EndSelf() {
	if dir := os.Getenv(envCgroup); dir != "" {
		killCgroup(dir)
	}
	if mark := os.Getenv(envMark); mark != "" {
		EndMarked(envMark + "=" + mark)
	}
}
