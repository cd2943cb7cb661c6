// Package childtest shows tests who is left of the processes that a child has started, and starts more of them than it may.
package childtest

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Fifo makes a FIFO that ends for its reader when the last process that holds it is dead.
func Fifo(t testing.TB) *os.File {
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
	return f
}

// AwaitHeld waits until a process that holds the FIFO has written the line "held" into it.
func AwaitHeld(t testing.TB, fifo *os.File, patience time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		line := make([]byte, len("held\n")) // a FIFO without a writer yet is at its end
		if _, err := io.ReadFull(fifo, line); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no program holds the FIFO")
		}
	}
}

// NobodyLeft fails unless all who hold the FIFO end.
func NobodyLeft(t testing.TB, fifo *os.File, patience time.Duration) {
	t.Helper()
	if err := fifo.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, fifo); err != nil {
		t.Errorf("somebody is left: %v", err)
	}
}

// Bomb starts more threads than a slot may have. The kernel counts them as processes, and they take little memory.
func Bomb() {
	for range 1100 {
		running := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(running)
			time.Sleep(time.Hour)
		}()
		<-running
	}
}
