package slot

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
	if lived := time.Since(began); lived < 3*time.Second || lived > 10*time.Second {
		t.Errorf("the slot lived %s, its deadline was 3s away", lived)
	}
	nobodyLeft(t, left)
}

func TestKillEndsTheGroup(t *testing.T) {
	left, fifo := watchFifo(t)
	p := startJob(t, "busy", fifo)
	awaitOpen(t, left)
	p.Kill()
	if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
		t.Errorf("Err() = %v", err)
	}
	nobodyLeft(t, left)
}

// TestSlotKilledAlone is the kernel's out-of-memory killer at work: its program must not live on.
func TestSlotKilledAlone(t *testing.T) {
	left, fifo := watchFifo(t)
	p := startJob(t, "busy", fifo)
	awaitOpen(t, left)
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := end(t, p); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("Err() = %v", err)
	}
	nobodyLeft(t, left)
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
			awaitOpen(t, left)
			if err := supervisor.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			nobodyLeft(t, left)
		})
	}
}

// watchFifo makes a FIFO that ends for its reader when the last process that holds it is dead.
func watchFifo(t *testing.T) (*os.File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, fifoVariable + "=" + path
}

// awaitOpen waits until the slot and its program hold the FIFO.
func awaitOpen(t *testing.T, fifo *os.File) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		line := make([]byte, len("held\n")) // a FIFO without a writer yet is at its end
		if _, err := io.ReadFull(fifo, line); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the slot did not start its program")
		}
	}
}

// nobodyLeft fails unless all who held the FIFO end.
func nobodyLeft(t *testing.T, fifo *os.File) {
	t.Helper()
	if err := fifo.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, fifo); err != nil {
		t.Errorf("somebody is left: %v", err)
	}
}
