package localec2

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

//go:embed boot.sh
var bootScript string

// defaultDisk is the size of a machine's root volume, in bytes. It takes memory only as it is written to.
const defaultDisk = 2 << 30

// nspawn is a machine that boots.
type nspawn struct {
	boot     Boot
	began    time.Time
	cmd      *exec.Cmd // boot.sh, the first process of a process namespace
	cgroup   cgroup
	log      *os.File
	network  *network
	done     chan struct{}
	shutdown sync.Once
}

// Start boots a machine.
func (m Machines) Start(boot Boot) (Machine, error) {
	root := filepath.Join(boot.Dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	n := &nspawn{boot: boot, done: make(chan struct{})}
	var err error
	if n.log, err = os.Create(filepath.Join(boot.Dir, LogFile)); err != nil {
		return nil, err
	}
	if n.cgroup, err = newCgroup(boot.ID); err != nil {
		_ = n.log.Close()
		return nil, err
	}
	disk := m.Disk
	if disk == 0 {
		disk = defaultDisk
	}
	n.cmd = exec.Command("bash", "-c", bootScript, "boot", m.Image, root, strconv.FormatInt(disk, 10), string(n.cgroup),
		"--machine="+boot.ID, "--hostname="+boot.ID)
	for _, s := range m.Shared {
		bind := "--bind-ro="
		if s.Writable {
			bind = "--bind="
		}
		n.cmd.Args = append(n.cmd.Args, bind+s.Host+":"+s.Machine)
	}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}
	started := make(chan error)
	go n.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("boot instance %s: %w", boot.ID, err)
	}
	return n, nil
}

// live is the life of the machine, on a thread of its own that is in the machine's network namespace and ends with it. The
// machine is told to die with that thread, so that it does not outlive a launcher that was killed.
func (n *nspawn) live(started chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	defer func() { _ = n.log.Close() }()
	err := n.start()
	started <- err
	if err == nil {
		_ = n.cmd.Wait() // how it ended stands in its log
		n.network.close()
	}
	n.cgroup.remove()
	close(n.done)
}

func (n *nspawn) start() error {
	var err error
	if n.network, err = newNetwork(n.boot); err != nil {
		return err
	}
	n.began = time.Now()
	if err := n.cmd.Start(); err != nil {
		n.network.close()
		return err
	}
	return nil
}

// Began is when the machine was switched on.
func (n *nspawn) Began() time.Time { return n.began }

// Done is closed when the machine is off.
func (n *nspawn) Done() <-chan struct{} { return n.done }

// Shutdown powers the machine off: its units are stopped, each within its TimeoutStopSec. A second SIGTERM would make
// systemd-nspawn kill the machine.
func (n *nspawn) Shutdown() {
	n.shutdown.Do(func() { _ = n.cmd.Process.Signal(syscall.SIGTERM) })
}

// PowerCut kills the first process of the machine's process namespace, and with it all.
func (n *nspawn) PowerCut() {
	_ = n.cmd.Process.Kill()
	<-n.done
}

// Freeze stops everything on the machine with the kernel's freezer.
func (n *nspawn) Freeze() error { return n.cgroup.freeze(true) }

// Thaw lets it go on.
func (n *nspawn) Thaw() error { return n.cgroup.freeze(false) }

// Processes are the ids, on this machine, of the processes on the machine.
func (n *nspawn) Processes() []int { return n.cgroup.processes() }

// errNoWorker says that a machine runs no worker, yet or any more.
var errNoWorker = errors.New("no worker runs on the machine")

// Memory is the supervisor's resident memory, in bytes.
func (n *nspawn) Memory() (int64, error) {
	for _, pid := range n.Processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.HasSuffix(line, []byte("/bin/worker\x00run\x00")) {
			return residentMemory(pid)
		}
	}
	return 0, errNoWorker
}

// Command is a command that runs inside the machine, as root in all its namespaces but the cgroup's.
func (n *nspawn) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	first, err := n.firstProcess()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(first), "--mount", "--uts", "--ipc", "--net", "--pid", "--"}, args...)...), nil
}

// firstProcess is the id, on this machine, of the machine's init: the child of systemd-nspawn that is process 1 to itself.
func (n *nspawn) firstProcess() (int, error) {
	for _, pid := range n.Processes() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // ended
		}
		for line := range bytes.Lines(status) {
			ids, ok := bytes.CutPrefix(line, []byte("NSpid:"))
			if f := bytes.Fields(ids); ok && len(f) == 3 && string(f[2]) == "1" {
				return pid, nil
			}
		}
	}
	return 0, fmt.Errorf("instance %s has not booted, or is off", n.boot.ID)
}

// CPU is the processor time that the machine has taken.
func (n *nspawn) CPU() (time.Duration, error) { return n.cgroup.cpu() }
