package supervisor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
)

// attempt is a row of the table in SECURITY.md: what a program that means harm tries, and whether it may.
type attempt struct {
	what   string
	unit   bool // it may, under the unit of the cookbook
	bare   bool // it may, on a machine without that unit
	why    string
	byTest bool                // the test does it, or sees it from outside
	try    func(targets) error // in the program; nil: it did what it tried
}

// targets are whom the program attacks.
type targets struct {
	Supervisor int
	Slot       int    // of another job
	Program    int    // of that job
	Folder     string // of that job
	Validator  string // a file of root
}

const shielded = "not dumpable ([052](docs/decisions/052-supervisor-and-slots-are-shielded.md))"

var attempts = []attempt{
	{what: "read or write the supervisor's memory, environment, maps and open files", why: shielded, try: func(t targets) error { return pry(t.Supervisor) }},
	{what: "read or write a slot's memory, environment, maps and open files, its own slot's too", why: shielded, try: func(t targets) error {
		if err := pry(os.Getppid()); err == nil {
			return nil
		}
		return pry(t.Slot)
	}},
	{what: "write a report into another slot's descriptor", why: shielded, try: func(t targets) error { return writeInto(t.Slot, reportsFD, `{"outcome":{"kind":"done"}}`) }},
	{what: "trace the supervisor or a slot", why: shielded + ", and no `ptrace` for the unit", try: func(t targets) error {
		if err := trace(t.Supervisor); err == nil {
			return nil
		}
		return trace(t.Slot)
	}},
	{what: "trace another job's program", bare: true, why: "no `ptrace` for the unit; elsewhere Yama may refuse it", try: func(t targets) error { return trace(t.Program) }},
	{what: "read another job's program: its environment and open files", unit: true, bare: true, why: "the same user", try: func(t targets) error {
		if err := reach(t.Program, "environ", os.O_RDONLY); err != nil {
			return err
		}
		return reach(t.Program, "fd/0", os.O_RDONLY)
	}},
	{what: "report progress, checkpoints and results in another job's name, through its program's descriptor", unit: true, bare: true, why: "the same user", try: func(t targets) error {
		return writeInto(t.Program, 3, `{"cursor":77,"done":77}`)
	}},
	{what: "read and change the files of another job", unit: true, bare: true, why: "the same user", try: func(t targets) error {
		if text, err := os.ReadFile(filepath.Join(t.Folder, "secret")); err != nil || string(text) != "secret" {
			return fmt.Errorf("read %q: %w", text, err)
		}
		return os.WriteFile(filepath.Join(t.Folder, "forged"), nil, 0o600)
	}},
	{what: "signal the supervisor", unit: true, bare: true, why: "the same user; a killed worker is started again, its jobs run elsewhere after their leases", try: func(t targets) error {
		return syscall.Kill(t.Supervisor, syscall.SIGCONT)
	}},
	{what: "kill another job's program", unit: true, bare: true, why: "the same user; the job has failed once", byTest: true, try: func(t targets) error { return syscall.Kill(t.Program, syscall.SIGKILL) }},
	{what: "kill another slot", unit: true, bare: true, why: "the same user; the job has failed once", byTest: true, try: func(t targets) error { return syscall.Kill(t.Slot, syscall.SIGKILL) }},
	{what: "use more memory than `memoryPerProcess`", why: "the slot is killed, the job has failed once", byTest: true, try: func(targets) error { eat(); return nil }},
	{what: "start processes without end", bare: true, why: "1,024 for a slot", byTest: true, try: func(targets) error { childtest.Bomb(); return nil }},
	{what: "raise its own limits, or move to another cgroup", unit: true, why: "the cgroups belong to the worker's user, so the limits hold against accidents alone; without the unit there are none", try: escape},
	{what: "leave files in its folder that outlive its job, in folders that it closed", why: "the supervisor removes them ([055](docs/decisions/055-job-data-ends-with-the-job.md)); what a program writes elsewhere stays", byTest: true, try: hoard},
	{what: "leave a process that outlives its job, with an empty environment and in a session of its own", unit: true, bare: true, why: "until its slot ends", byTest: true, try: daemonize},
	{what: "leave a process that outlives its slot", bare: true, why: "the cgroup is killed; a process that moved to another cgroup first lives as long as the unit", byTest: true},
	{what: "become root", why: "no capabilities, no new privileges", try: func(targets) error { return syscall.Setuid(0) }},
	{what: "read the Chef validator's key from the instance", why: "it is root's; the role can read it from Secrets Manager, though", try: func(t targets) error {
		_, err := os.ReadFile(t.Validator)
		return err
	}},
}

// order is the payload of a job of a program that means harm, or of its victim.
type order struct {
	Do      string // "wait", or what an attempt tries; "": all that the test need not watch
	Notes   string // file for the results, or for who the victim is
	Fifo    string // held by the daemon
	Targets targets
}

// hostile is such a program.
func hostile() {
	var job struct {
		ID      string
		Payload order
	}
	text, err := os.ReadFile(os.Getenv(contract.EnvJobFile))
	if err == nil {
		err = json.Unmarshal(text, &job)
	}
	if err != nil {
		panic(err)
	}
	o := job.Payload
	if o.Do == "wait" {
		suffer(o)
	}
	_ = os.Setenv("FIFO", o.Fifo)
	results := map[string]string{}
	for _, a := range attempts {
		if a.try == nil || (o.Do == "") == a.byTest || o.Do != "" && o.Do != a.what {
			continue
		}
		results[a.what] = "it was killed over it"
		note(o.Notes, results)
		results[a.what] = ""
		if err := a.try(o.Targets); err != nil {
			results[a.what] = err.Error()
		}
		note(o.Notes, results)
	}
	os.Exit(0)
}

// note writes a file at once, for a reader that waits for it.
func note(path string, v any) {
	text, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		panic(err)
	}
}

// suffer is the victim.
func suffer(o order) {
	folder := os.Getenv("TMPDIR")
	if err := os.WriteFile(filepath.Join(folder, "secret"), []byte("secret"), 0o600); err != nil {
		panic(err)
	}
	note(o.Notes, targets{Slot: os.Getppid(), Program: os.Getpid(), Folder: folder})
	for {
		time.Sleep(time.Hour)
	}
}

// pry tries every way into a process; nil: one is open.
func pry(pid int) error {
	err := errors.New("every way is closed")
	for _, file := range []string{"mem", "environ", "maps", "fd/0", "fd/1", "fd/3", "fd/4"} {
		for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
			if reach(pid, file, flag) == nil {
				return nil
			}
		}
	}
	var one [1]byte
	local := unix.Iovec{Base: &one[0]}
	local.SetLen(1)
	if _, wrong := unix.ProcessVMReadv(pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0); wrong == nil || errors.Is(wrong, unix.EFAULT) {
		return nil // the address is wrong, the process was open
	}
	process, wrong := unix.PidfdOpen(pid, 0)
	if wrong != nil {
		return err
	}
	for fd := range 16 {
		if stolen, wrong := unix.PidfdGetfd(process, fd, 0); wrong == nil {
			_ = unix.Close(stolen)
			return nil
		}
	}
	return err
}

func reach(pid int, file string, flag int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/%s", pid, file), flag|syscall.O_NONBLOCK, 0)
	if err == nil {
		_ = f.Close()
	}
	return err
}

func writeInto(pid, fd int, line string) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/%d", pid, fd), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

func trace(pid int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.PtraceAttach(pid); err != nil {
		return err
	}
	_, err := syscall.Wait4(pid, nil, syscall.WALL, nil)
	return errors.Join(err, syscall.PtraceDetach(pid))
}

// escape removes the limit of its cgroup, and moves to the supervisor's. It undoes both: another attempt follows in its slot.
func escape(targets) error {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	_, path, found := strings.Cut(strings.TrimSpace(string(text)), "0::")
	if !found {
		return errors.New("there is no cgroup of version 2")
	}
	own := filepath.Join("/sys/fs/cgroup", path)
	write := func(dir, file, text string) error { return os.WriteFile(filepath.Join(dir, file), []byte(text), 0) }
	limit, err := os.ReadFile(filepath.Join(own, "memory.max"))
	return errors.Join(err,
		write(own, "memory.max", "max"),
		write(own, "memory.max", string(limit)),
		write(filepath.Join(filepath.Dir(own), "supervisor"), "cgroup.procs", "0"),
		write(own, "cgroup.procs", "0"),
	)
}

// daemonize leaves a process that no mark and no group lead to. It holds the FIFO.
func daemonize(targets) error {
	fifo, err := os.OpenFile(os.Getenv("FIFO"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	daemon := exec.Command("sleep", "1000")
	daemon.Env, daemon.ExtraFiles = []string{}, []*os.File{fifo}
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(fifo, daemon.Process.Pid)
	return errors.Join(err, daemon.Process.Release())
}

// hoard closes a tree in the folder of its job, and notes where that is.
func hoard(targets) error {
	folder := os.Getenv("TMPDIR")
	closed := filepath.Join(folder, "closed")
	deep := filepath.Join(closed, "deep")
	err := errors.Join(os.MkdirAll(deep, 0o700), os.WriteFile(filepath.Join(deep, "file"), nil, 0o400), os.Symlink("/", filepath.Join(deep, "link")))
	note(filepath.Join(filepath.Dir(os.Getenv("FIFO")), "closed"), folder)
	return errors.Join(err, os.Chmod(deep, 0), os.Chmod(closed, 0o500), os.Chmod(folder, 0o500))
}
