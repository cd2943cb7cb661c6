package confine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestLimitsOfASlot looks at what is written, in a folder that stands for the hierarchy. make cgroup-test has the kernel
// hold the limits.
func TestLimitsOfASlot(t *testing.T) {
	for _, c := range []struct {
		pids          bool
		limit         int64
		memory, count string // "": no limit
	}{
		{true, 1 << 30, "1073741824", "1024"},
		{false, 1 << 30, "1073741824", ""}, // the unit of an earlier release
		{true, 0, "", "1024"},
	} {
		slot, err := (&cgroups{t.TempDir(), c.pids}).add(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		for file, want := range map[string]string{"memory.max": c.memory, "pids.max": c.count} {
			path := filepath.Join(slot.dir, file)
			_ = os.Chmod(path, 0o600) // the kernel's files have modes of their own
			text, err := os.ReadFile(path)
			if want == "" && !errors.Is(err, fs.ErrNotExist) || want != "" && string(text) != want {
				t.Errorf("limit %d, pids %v: %s is %q (%v), want %q", c.limit, c.pids, file, text, err, want)
			}
		}
	}
}
