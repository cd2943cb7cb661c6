package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of a side's workers, in a session of its own with all that it starts.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	from time.Time
	// lived is how long it ran before it was asked to end.
	lived time.Duration
	done  chan struct{} // closed once it has ended
}

// start starts a worker of the round's side.
func (r *round) start(args ...string) (*process, error) {
	if r.side.name == "" {
		args = append([]string{"run"}, args...)
	}
	log, err := os.CreateTemp(r.dir, r.name+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: r.commandOf(r.meter.URL, args...), log: log, from: time.Now(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r.running = append(r.running, p)
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // killed or not: who asked it to end looks at how it did
		_ = p.log.Close()
	}()
	return p, nil
}

// stop asks the process to end and returns once it has; how long that took is the time of its drain.
func (r *round) stop(p *process) (time.Duration, error) {
	const patience = 90 * time.Second
	began := time.Now()
	p.lived = began.Sub(p.from)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("%s has ended by itself: %s", r.side.label(), p.said())
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		return 0, fmt.Errorf("%s did not end within %s of its signal", r.side.label(), patience)
	}
	return time.Since(began), nil
}

// stopIdle ends a process that has nothing left to do.
func (r *round) stopIdle(p *process) error {
	if r.impatient {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("%s has ended by itself: %s", r.side.label(), p.said())
		}
		time.Sleep(100 * time.Millisecond)
	}
	_, err := r.stop(p)
	return err
}

// kill ends the process without a word. What it had started ends itself.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// said is the end of what the process has printed.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log.Name())
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}

// cpu is the processor time of an ended process and of all that it has waited for (getrusage(2)).
func (p *process) cpu() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// memory is what a running process and those in its session hold: resident bytes of the process itself, and the
// proportional share of all of them, in which a page that several map counts once (proc_pid_smaps(5)).
func (p *process) memory() (resident, all int64, err error) {
	session := p.cmd.Process.Pid
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, 0, fmt.Errorf("memory of processes is read from /proc, on Linux: %w", err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || sessionOf(pid) != session {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "smaps_rollup"))
		if err != nil {
			return 0, 0, err
		}
		if pid == session {
			resident = kilobytes(string(text), "Rss:") << 10
		}
		all += kilobytes(string(text), "Pss:") << 10
	}
	return resident, all, nil
}

// sessionOf is the session of a process; 0: it is gone.
func sessionOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // the name may hold spaces
	session, _ := strconv.Atoi(fields[3])
	return session
}

func kilobytes(text, name string) int64 {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

// printed reports whether the process has printed text.
func (p *process) printed(text string) bool {
	all, _ := os.ReadFile(p.log.Name())
	return strings.Contains(string(all), text)
}
