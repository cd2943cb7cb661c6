package confine

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// watched says that [Cell.Watch] works here.
const watched = true

// look is the time between two looks at a slot's memory, and the age up to which slots share a snapshot.
const look = 250 * time.Millisecond

// process is what a snapshot keeps of proc(5)'s stat file.
type process struct {
	parent, group int
	resident      int64 // bytes
}

// processTable is a snapshot of all processes that the cells of a supervisor share.
type processTable struct {
	mu    sync.Mutex
	taken time.Time
	all   map[int]process
}

// await returns the memory of a slot in bytes once it is over the limit; 0: done was closed before.
func (t *processTable) await(group int, limit int64, done <-chan struct{}) int64 {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return 0
		case <-ticker.C:
			if used := t.used(group, limit); used > limit {
				return used
			}
		}
	}
}

// used is the memory of a slot. What is resident counts shared pages once for each process, so only what
// looks too much is counted exactly, which costs the kernel more.
func (t *processTable) used(group int, limit int64) int64 {
	all := t.snapshot()
	var resident, exact int64
	members := membersOf(all, group)
	for _, pid := range members {
		resident += all[pid].resident
	}
	if resident <= limit {
		return resident
	}
	for _, pid := range members {
		share, err := proportional(pid)
		if err != nil {
			share = all[pid].resident
		}
		exact += share
	}
	return exact
}

func (t *processTable) snapshot() map[int]process {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.taken) > look/2 {
		t.all, t.taken = processes(), time.Now()
	}
	return t.all
}

// maxAncestors bounds the way up, which a snapshot of moving things need not have an end.
const maxAncestors = 100

// membersOf finds the processes of a group and their descendants, whatever group those are in.
func membersOf(all map[int]process, group int) []int {
	var members []int
	for pid := range all {
		at := pid
		for n := 0; at > 1 && n < maxAncestors && at != group && all[at].group != group; n++ {
			at = all[at].parent
		}
		if at == group || all[at].group == group {
			members = append(members, pid)
		}
	}
	return members
}

func processes() map[int]process {
	all := map[int]process{}
	for _, pid := range pids() {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The second field, the name in parentheses, may hold anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 22 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1]) // the kernel writes numbers
		group, _ := strconv.Atoi(fields[2])
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		all[pid] = process{parent, group, pages * int64(os.Getpagesize())}
	}
	return all
}

func pids() []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = proc.Close() }()
	names, _ := proc.Readdirnames(-1)
	var all []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// proportional is the memory of a process in bytes, shared pages divided by those who share them.
func proportional(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nPss:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kibibytes, err := strconv.ParseInt(number, 10, 64)
	return kibibytes << 10, err
}

// EndMarked kills all processes that were started with mark, as "name=value", in their environment, even
// those in another process group or session. New ones may come while the old ones are looked for, hence the
// rounds. The calling process is spared.
func EndMarked(mark string) {
	for range 100 {
		left := marked(mark)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		if len(left) == 0 {
			return
		}
	}
}

func marked(mark string) []int {
	var found []int
	for _, pid := range pids() {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil { // it has ended, or is another user's
			continue
		}
		if pid != os.Getpid() && bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+mark+"\x00")) {
			found = append(found, pid)
		}
	}
	return found
}
