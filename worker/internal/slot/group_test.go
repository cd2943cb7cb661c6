package slot

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

func TestDeadlineEndsTheGroup(t *testing.T) {
	left, fifo := watchFifo(t)
	p := start(t, "busy", fifo)
	next(t, p)
	began := time.Now()
	send(t, p, job(time.Second))
	send(t, p, protocol.Order{Deadline: &protocol.Deadline{At: monotonic.Now() + 3*time.Second}}) // a heartbeat
	if err := end(t, p); err == nil || !strings.Contains(err.Error(), "deadline has passed") {
		t.Errorf("Err() = %v", err)
	}
	if lived := time.Since(began); lived < 3*time.Second {
		t.Errorf("the slot lived %s, its deadline was 3s away", lived)
	}
	childtest.NobodyLeft(t, left, patience)
}

func TestKillEndsTheGroup(t *testing.T) {
	left, fifo := watchFifo(t)
	p := startJob(t, "busy", fifo)
	childtest.AwaitHeld(t, left, patience)
	p.Kill()
	if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
		t.Errorf("Err() = %v", err)
	}
	childtest.NobodyLeft(t, left, patience)
}

// A program without an environment lacks the mark by which programs that left the group are found. Where there is no
// cgroup, the kill of the group alone reaches it.
func TestKillEndsAProgramWithoutAnEnvironment(t *testing.T) {
	left, fifo := watchFifo(t)
	p := startJob(t, "bare", fifo)
	childtest.AwaitHeld(t, left, patience)
	p.Kill()
	if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
		t.Errorf("Err() = %v", err)
	}
	childtest.NobodyLeft(t, left, patience)
}

// TestSlotKilledAlone is the kernel's out-of-memory killer at work: its program must not live on.
func TestSlotKilledAlone(t *testing.T) {
	left, fifo := watchFifo(t)
	p := startJob(t, "busy", fifo)
	childtest.AwaitHeld(t, left, patience)
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := end(t, p); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("Err() = %v", err)
	}
	childtest.NobodyLeft(t, left, patience)
}

func TestSupervisorGone(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "frozen past the deadline": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			left, fifo := watchFifo(t)
			supervisor := exec.Command(options("").Executable)
			supervisor.Env = append(os.Environ(), roleVariable+"=supervisor", fifo)
			out, err := supervisor.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := supervisor.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = supervisor.Process.Kill()
				_ = supervisor.Wait()
			}()
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			childtest.AwaitHeld(t, left, patience)
			if err := supervisor.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			childtest.NobodyLeft(t, left, patience)
		})
	}
}

// watchFifo makes a FIFO to see who is left, and the variable that names it.
func watchFifo(t *testing.T) (*os.File, string) {
	t.Helper()
	fifo := childtest.Fifo(t)
	return fifo, fifoVariable + "=" + fifo.Name()
}
