package confine

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	cgroupRoot = "/sys/fs/cgroup" // where systemd mounts the hierarchy
	// removeTime is how long the killed processes of a cgroup may take to be gone from it.
	removeTime = 2 * time.Second
	// mostProcesses is how many processes and threads a slot and its programs may have. A program that forks without end
	// then fails alone.
	mostProcesses = 1024
)

// cgroups is the part of the cgroup v2 hierarchy that belongs to this worker.
type cgroups struct {
	dir  string
	pids bool // the number of processes can be limited too
}

// delegatedCgroups takes over the cgroup of the worker's unit if systemd has delegated it, or says why it
// cannot. systemd marks such a cgroup with an extended attribute; a root process could write to any other,
// but those have an owner. A cgroup with children that are limited holds no processes itself, so the
// supervisor moves into a child.
// https://systemd.io/CGROUP_DELEGATION/
func delegatedCgroups() (*cgroups, error) {
	path, err := ownCgroup("0")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cgroupRoot, path)
	mark := make([]byte, 8)
	n, err := unix.Getxattr(dir, "user.delegate", mark)
	if err != nil || string(mark[:n]) != "1" {
		return nil, fmt.Errorf("the cgroup %s was not delegated to the worker (Delegate= of its systemd unit)", dir)
	}
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(controllers))
	if !slices.Contains(names, "memory") {
		return nil, fmt.Errorf("the cgroup %s has no memory controller", dir)
	}
	own := filepath.Join(dir, "supervisor")
	if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := write(own, "cgroup.procs", "0"); err != nil { // 0: the writing process
		return nil, err
	}
	g := &cgroups{dir, slices.Contains(names, "pids")} // a unit of an earlier release has memory alone
	enabled := "+memory"
	if g.pids {
		enabled += " +pids"
	}
	return g, write(dir, "cgroup.subtree_control", enabled)
}

// ownCgroup is this process's path in a hierarchy, by its first field in proc(5)'s cgroup file: "0" for
// version 2.
func ownCgroup(hierarchy string) (string, error) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.SplitN(lines.Text(), ":", 3); len(fields) == 3 && (fields[0] == hierarchy || fields[1] == hierarchy) {
			return fields[2], nil
		}
	}
	return "", errors.New("this process is in no such cgroup hierarchy: " + hierarchy)
}

func write(dir, file, text string) error {
	return os.WriteFile(filepath.Join(dir, file), []byte(text), 0)
}

// cgroup is that of one slot.
type cgroup struct{ dir string }

// add makes a cgroup whose processes are killed together when they need more than limit bytes, which they
// cannot evade into swap. There can be [mostProcesses] of them.
func (g *cgroups) add(limit int64) (*cgroup, error) {
	dir, err := os.MkdirTemp(g.dir, "slot-")
	if err != nil {
		return nil, err
	}
	c := &cgroup{dir}
	if err := c.prepare(limit, g.pids); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *cgroup) prepare(limit int64, pids bool) (err error) {
	if limit > 0 {
		err = errors.Join(write(c.dir, "memory.max", strconv.FormatInt(limit, 10)), write(c.dir, "memory.oom.group", "1"))
		if swap := write(c.dir, "memory.swap.max", "0"); !errors.Is(swap, fs.ErrNotExist) { // a kernel without swap
			err = errors.Join(err, swap)
		}
	}
	if pids {
		err = errors.Join(err, write(c.dir, "pids.max", strconv.Itoa(mostProcesses)))
	}
	return err
}

// admit puts a process into the cgroup. The kernel could do so at the start (clone3 with CLONE_INTO_CGROUP), but a unit with
// RestrictNamespaces= has no clone3: its flags lie in memory, where no system call filter can look at them.
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RestrictNamespaces=
func (c *cgroup) admit(pid int) error {
	return write(c.dir, "cgroup.procs", strconv.Itoa(pid))
}

// exceeded says whether the kernel killed the processes because they were at the limit; "oom_kill" alone would
// count those it kills when the whole machine has run out.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
func (c *cgroup) exceeded(limit int64) *MemoryError {
	if c.number("memory.events", "oom") == 0 || c.number("memory.events", "oom_kill") == 0 {
		return nil
	}
	return &MemoryError{Used: max(limit, c.number("memory.peak", "")), Limit: limit}
}

// number reads a file of one number, or the number behind a key; 0 if there is none.
func (c *cgroup) number(file, key string) int64 {
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), key)
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); found && err == nil {
			return n
		}
	}
	return 0
}

// remove kills what is left and removes the cgroup. One that cannot be removed goes with the worker's unit.
func (c *cgroup) remove() {
	killCgroup(c.dir)
	for end := time.Now().Add(removeTime); ; time.Sleep(time.Millisecond) {
		if err := os.Remove(c.dir); !errors.Is(err, unix.EBUSY) || time.Now().After(end) {
			return
		}
	}
}

// killCgroup kills all processes of a cgroup, even while they fork.
func killCgroup(dir string) { _ = write(dir, "cgroup.kill", "1") } // since Linux 5.14; before, the environment finds them
