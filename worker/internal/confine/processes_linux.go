package confine

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watched says that [Cell.Watch] works here.
const watched = true

// look is the time between two looks at the memory of the slots.
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

var began = time.Now()

// await returns the memory of a slot in bytes once it is over the limit; 0: done was closed before.
func (t *processTable) await(group int, limit int64, done <-chan struct{}) int64 {
	for {
		// All slots look at the same moments, so that one snapshot serves them all.
		timer := time.NewTimer(look - time.Since(began)%look)
		select {
		case <-done:
			timer.Stop()
			return 0
		case <-timer.C:
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

// processes reads the stat file of every process: with bare system calls, as a busy machine has hundreds and this
// happens four times a second.
func processes() map[int]process {
	all := map[int]process{}
	var buffer [4 << 10]byte // a line of fifty numbers and a name of at most 64 bytes
	for _, pid := range pids() {
		n, err := readInto(buffer[:], "/proc/"+strconv.Itoa(pid)+"/stat")
		if err != nil {
			continue // it has ended
		}
		if p, ok := parseStat(buffer[:n]); ok {
			all[pid] = p
		}
	}
	return all
}

// readInto reads the beginning of a file of procfs, which gives as much as there is room for.
func readInto(buffer []byte, path string) (n int, err error) {
	file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(file) }() // it was only read
	return unix.Read(file, buffer)
}

// parseStat reads the fields of proc_pid_stat(5) that count.
func parseStat(text []byte) (p process, ok bool) {
	field := 3 // the second one, the name in parentheses, may hold anything
	for value := range bytes.FieldsSeq(text[bytes.LastIndexByte(text, ')')+1:]) {
		switch field { // the kernel writes numbers
		case 4:
			p.parent, _ = strconv.Atoi(string(value))
		case 5:
			p.group, _ = strconv.Atoi(string(value))
		case 24:
			pages, _ := strconv.ParseInt(string(value), 10, 64)
			p.resident = pages * int64(os.Getpagesize())
			return p, true
		}
		field++
	}
	return p, false
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
// those in another process group or session. A process that has called [Shield] is not found. New ones may come while the old ones are looked for, hence the
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
		if err != nil { // it has ended, is another user's, or is shielded, as slots are
			continue
		}
		if pid != os.Getpid() && bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+mark+"\x00")) {
			found = append(found, pid)
		}
	}
	return found
}
