package logbuffer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// output is where a log goes: it hangs while it is stalled, and writes what accept lets it.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	tries   int
	stalled chan struct{}                     // nil: it is not; closed: not any more
	accept  func(p []byte) (n int, err error) // nil: everything
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	stalled := o.stalled
	o.tries++
	o.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := len(p), error(nil)
	if o.accept != nil {
		n, err = o.accept(p)
	}
	o.text.Write(p[:n])
	return n, err
}

func (o *output) set(accept func([]byte) (int, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accept = accept
}

// missing reads from the line that reports dropped lines how many there were, and why.
func missing(t *testing.T, line string) (lines int64, reason string) {
	t.Helper()
	var reported struct {
		Msg, Level, Reason string
		Lines              int64
	}
	if err := json.Unmarshal([]byte(line), &reported); err != nil || reported.Msg != "log lines dropped" || reported.Level != "WARN" {
		t.Fatalf("%q reports no dropped lines: %v", line, err)
	}
	return reported.Lines, reported.Reason
}

func TestAStalledLogHoldsUpNobodyAndCountsWhatItMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stalled: make(chan struct{})}
		b := New(out)
		const lines = 3 * capacity / 100
		begin := time.Now()
		for i := range lines {
			fmt.Fprintf(b, "%-99d\n", i)
		}
		synctest.Wait()
		if took := time.Since(begin); took != 0 || b.Dropped() == 0 {
			t.Fatalf("%d lines took %s, %d dropped", lines, took, b.Dropped())
		}
		dropped := b.Dropped()
		if dropped < lines/3 || dropped > lines*2/3+1 {
			t.Errorf("%d of %d lines dropped, want the third that neither waits nor is under way, or two", dropped, lines)
		}
		close(out.stalled)
		synctest.Wait()
		fmt.Fprintln(b, "after")
		b.Close(time.Minute)
		got := strings.Split(strings.TrimSuffix(out.text.String(), "\n"), "\n")
		if int64(len(got)) != lines-dropped+2 || strings.TrimSpace(got[0]) != "0" || got[len(got)-1] != "after" {
			t.Fatalf("%d lines from %q to %q, want %d", len(got), got[0], got[len(got)-1], lines-dropped+2)
		}
		if n, reason := missing(t, got[len(got)-2]); n != dropped || reason != "the log is not read fast enough" {
			t.Errorf("reported %d lines, %s; want %d", n, reason, dropped)
		}
	})
}

// A reader that is gone costs one try for each line, and the process nothing else.
func TestALogWithoutAReaderIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{accept: func([]byte) (int, error) { return 0, syscall.EPIPE }}
		b := New(out)
		for range 10 {
			fmt.Fprintln(b, "line")
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		if b.Dropped() != 10 || out.tries > 20 {
			t.Errorf("%d lines dropped after %d tries", b.Dropped(), out.tries)
		}
		b.Close(time.Minute)
		if fmt.Fprintln(b, "late"); b.Dropped() != 11 {
			t.Errorf("%d lines dropped, want that after the end too", b.Dropped())
		}
	})
}

// A disk that was full leaves a line without its end, which must not swallow the next one.
func TestALogOnAFullDiskGoesOnWithWholeLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := 3
		out := &output{accept: func(p []byte) (int, error) {
			if len(p) <= room {
				return len(p), nil
			}
			n := room
			room = 0
			return n, syscall.ENOSPC
		}}
		b := New(out)
		fmt.Fprintln(b, "first")
		synctest.Wait()
		fmt.Fprintln(b, "second")
		synctest.Wait()
		out.set(nil)
		fmt.Fprintln(b, "third")
		b.Close(time.Minute)
		got := strings.Split(out.text.String(), "\n")
		if len(got) != 4 || got[0] != "fir" || got[1] != "third" || got[3] != "" {
			t.Fatalf("logged %q", got)
		}
		if n, reason := missing(t, got[2]); n != 2 || reason != syscall.ENOSPC.Error() {
			t.Errorf("reported %d lines, %s", n, reason)
		}
	})
}

// A pipe that another process has made non-blocking is full for a while.
func TestALogThatIsFullIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{accept: func(p []byte) (int, error) { return min(2, len(p)), syscall.EAGAIN }}
		b := New(out)
		fmt.Fprintln(b, "line")
		time.Sleep(time.Second)
		b.Close(time.Minute)
		if out.text.String() != "line\n" || b.Dropped() != 0 {
			t.Errorf("logged %q, %d lines dropped", out.text.String(), b.Dropped())
		}
	})
}

func TestTheEndDoesNotWaitForAStalledLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{stalled: make(chan struct{})}
		b := New(out)
		fmt.Fprintln(b, "line")
		begin := time.Now()
		if b.Close(2 * time.Second); time.Since(begin) != 2*time.Second {
			t.Errorf("closed after %s", time.Since(begin))
		}
		close(out.stalled)
	})
}

func TestLinesOfManyGoroutinesStayWholeAndInTheOrderOfEach(t *testing.T) {
	out := &output{}
	b := New(out)
	log := b.Logger(nil)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				log.Info("line", "goroutine", g, "number", i)
			}
		})
	}
	all.Wait()
	b.Close(time.Minute)
	next := [8]int{}
	for line := range strings.Lines(out.text.String()) {
		var got struct{ Goroutine, Number int }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Number != next[got.Goroutine] {
			t.Fatalf("line %q, want number %d: %v", line, next[got.Goroutine], err)
		}
		next[got.Goroutine]++
	}
	if next != [8]int{200, 200, 200, 200, 200, 200, 200, 200} || b.Dropped() != 0 {
		t.Errorf("logged %v lines, %d dropped", next, b.Dropped())
	}
}
