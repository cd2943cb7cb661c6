package slot

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/confine"
)

// nobody is an ordinary user. Root reads every process.
const nobody = 65534

func init() {
	roles["shielded supervisor"] = func() { must(confine.Shield()); shielded() }
	roles["attack"] = attack
}

// shielded starts a slot with a job, as the supervisor does, and a program that attacks both, and itself for comparison.
func shielded() {
	o := options("drain")
	o.Executable = "/proc/self/exe" // the binary's folder may be another user's
	p, err := Start(o)
	must(err)
	<-p.Reports()
	must(p.Send(job(time.Minute)))
	program := exec.Command("/proc/self/exe")
	program.Env = append(os.Environ(), roleVariable+"=attack", fmt.Sprintf("TARGETS=supervisor=%d slot=%d", os.Getpid(), p.Pid()))
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	must(program.Run())
	p.Kill()
	for range p.Reports() {
	}
}

// attack prints what it could reach of each target, and of a program that it starts for comparison.
func attack() {
	neighbour := exec.Command("sleep", "60")
	must(neighbour.Start())
	defer func() { _ = neighbour.Process.Kill() }()
	for _, target := range append(strings.Fields(os.Getenv("TARGETS")), fmt.Sprintf("program=%d", neighbour.Process.Pid)) {
		name, pid, _ := strings.Cut(target, "=")
		dir := filepath.Join("/proc", pid)
		if number, err := strconv.Atoi(pid); err != nil || syscall.Kill(number, 0) != nil {
			fmt.Println(name, "does not run")
		}
		for _, file := range []string{"mem", "environ", "maps", "fd/0", "fd/1", fmt.Sprintf("fd/%d", ordersFD), fmt.Sprintf("fd/%d", reportsFD)} {
			for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
				if reached(dir, file, flag) {
					fmt.Println(name, file, "reached")
				}
			}
		}
	}
}

func reached(dir, file string, flag int) bool {
	f, err := os.OpenFile(filepath.Join(dir, file), flag|syscall.O_NONBLOCK, 0)
	if err == nil {
		_ = f.Close()
	}
	return err == nil
}

// TestProgramsReachNeitherSupervisorNorSlot: a program can neither report in the name of another slot nor read the
// supervisor's credentials. Programs, which are dumpable, can reach each other.
func TestProgramsReachNeitherSupervisorNorSlot(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=shielded supervisor", "HOME=/", "GOCOVERDIR=")
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	control := false
	for line := range strings.Lines(out.String()) {
		switch name, _, _ := strings.Cut(line, " "); name {
		case "program":
			control = control || strings.Contains(line, "environ reached")
		default:
			t.Errorf("an attack succeeded: %s", line)
		}
	}
	if !control {
		t.Errorf("the attack reaches nothing at all, not even a program:\n%s", &out)
	}
}
