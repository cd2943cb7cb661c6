package localec2

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// sessionLeader makes the worker the leader of a session, which all its processes are in unless they
// leave it on purpose, and ends it with the launcher.
func sessionLeader() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// member is a living process of a machine.
type member struct {
	pid     int
	stopped bool
}

// members are the processes in the worker's session, and those that left it but carry its environment.
func (p *process) members() []member {
	select {
	case <-p.done:
		return nil // its numbers may belong to others by now
	default:
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	mark := []byte("\x00" + metadataVariable + "=" + p.boot.Metadata + "\x00")
	var out []member
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		state, session, err := stat(pid)
		if err != nil || state == "Z" || state == "X" {
			continue // gone, or dead and not yet reaped
		}
		if session != p.pid {
			environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if err != nil || !bytes.Contains(append([]byte{0}, environ...), mark) {
				continue
			}
		}
		out = append(out, member{pid, state == "T"})
	}
	return out
}

// stat reads the state and the session of a process (proc_pid_stat(5)).
func stat(pid int) (state string, session int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name before may hold anything
	if len(fields) < 4 {
		return "", 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	session, err = strconv.Atoi(fields[3])
	return fields[0], session, err
}

// Memory is the supervisor's resident memory, in bytes.
func (p *process) Memory() (int64, error) { return residentMemory(p.pid) }

func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nVmRSS:")
	value, _, _ := strings.Cut(rest, "kB")
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	return n << 10, err
}
