package localec2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is the folder of a machine's control group (version 2): its processes, and what can be frozen.
type cgroup string

// cgroupParent is the folder of all machines' groups, inside the hierarchy's root.
const cgroupParent = "worker-tier-machines"

// newCgroup makes a group, and removes those that launchers have left behind that were killed.
func newCgroup(id string) (cgroup, error) {
	parent, err := machinesCgroup()
	if err != nil {
		return "", err
	}
	removeLeft(parent)
	group := cgroup(filepath.Join(parent, id))
	return group, os.MkdirAll(string(group), 0o755)
}

// machinesCgroup is the folder of all machines' groups.
func machinesCgroup() (string, error) {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err == nil {
			return filepath.Join(root, cgroupParent), nil
		}
	}
	return "", errors.New("machines need control groups of version 2 at /sys/fs/cgroup: use processes (make demo)")
}

// removeLeft removes the groups of machines that are gone: a launcher that was killed leaves them, and nothing else. A young one
// without processes may be another launcher's that is about to boot.
func removeLeft(parent string) {
	entries, _ := os.ReadDir(parent) // none yet
	for _, entry := range entries {
		group := cgroup(filepath.Join(parent, entry.Name()))
		info, err := entry.Info()
		if err == nil && entry.IsDir() && time.Since(info.ModTime()) > time.Minute && len(group.processes()) == 0 {
			group.remove()
		}
	}
}

// folders are the group's and those of all groups in it, the innermost first.
func (c cgroup) folders() []string {
	var out []string
	_ = filepath.WalkDir(string(c), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			out = append(out, path)
		}
		return nil // one that has just gone is no error
	})
	slices.Reverse(out)
	return out
}

// processes are the ids of all processes in the group.
func (c cgroup) processes() []int {
	var out []int
	for _, dir := range c.folders() {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // gone, or of threads
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil && pid != 0 {
				out = append(out, pid)
			}
		}
	}
	slices.Sort(out)
	return out
}

// remove removes a group without processes. The kernel may take a moment to see that the last one is gone.
func (c cgroup) remove() {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, dir := range c.folders() {
			_ = syscall.Rmdir(dir)
		}
		if _, err := os.Stat(string(c)); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// freeze stops all processes in the group, or lets them go on, and returns once they do.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#core-interface-files
func (c cgroup) freeze(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	if err := os.WriteFile(filepath.Join(string(c), "cgroup.freeze"), []byte(value), 0o644); err != nil {
		return err
	}
	for end := time.Now().Add(freezeTime); ; time.Sleep(time.Millisecond) {
		events, err := os.ReadFile(filepath.Join(string(c), "cgroup.events"))
		if err != nil {
			return err
		}
		if strings.Contains(string(events), "frozen "+value+"\n") {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: not frozen=%s within %s", c, value, freezeTime)
		}
	}
}

// cpu is the processor time that all processes of the group have taken.
func (c cgroup) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(string(c), "cpu.stat"))
	if err != nil {
		return 0, err
	}
	var micros int64
	_, err = fmt.Sscanf(string(text), "usage_usec %d", &micros)
	return time.Duration(micros) * time.Microsecond, err
}
