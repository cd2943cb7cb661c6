package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAStalledLogTakesNothing: what was written before is read, and a write after the stall waits.
func TestAStalledLogTakesNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	name := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	reader := &logReader{r, w, make(chan struct{}), make(chan struct{})}
	go reader.copy(file)
	if _, err := w.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	l := &logs{readers: map[string]*logReader{"i-1": reader}}
	if err := l.stall("i-1"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text[:7]) != "before\n" {
		t.Errorf("read %q, error %v", text, err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := w.WriteString("after\n")
		written <- err
	}()
	select {
	case err := <-written:
		t.Errorf("a write after the stall is taken: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if _, err := r.Read(make([]byte, 1<<20)); err != nil { // the reader of this test
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
