// Package logbuffer keeps a log that is stalled or broken from holding up the process that writes it. Lines go through a
// bounded buffer, from which one goroutine writes them. Lines that do not fit, or cannot be written, are dropped and counted.
package logbuffer

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

const (
	// capacity is how many bytes wait to be written at most: some 4,000 lines. As many may be in the write under way.
	capacity = 1 << 20
	// fullPause is the wait before the next try, where the output is non-blocking and full.
	fullPause = 50 * time.Millisecond
)

// Buffer is the writer of a log. Its methods may be called from several goroutines.
type Buffer struct {
	out   io.Writer
	wake  chan struct{} // has a token where there is something to do
	ended chan struct{} // closed once nothing is written any more

	mu      sync.Mutex
	pending []byte // whole lines
	dropped int64  // lines, ever
	reason  string // of the last line that was dropped
	closed  bool

	// These are the writing goroutine's.
	torn     bool  // the output ends within a line
	reported int64 // of dropped
}

// New returns a buffer before out, which may block for any time and fail at any time. It must be closed.
func New(out io.Writer) *Buffer {
	b := &Buffer{out: out, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go b.run()
	return b
}

// Logger logs lines of JSON into the buffer.
func (b *Buffer) Logger(level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level}))
}

// Write takes whole lines. It never waits and never fails: lines for which there is no room are dropped.
func (b *Buffer) Write(lines []byte) (int, error) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.drop(lines, "the log is closed")
	case len(b.pending)+len(lines) > capacity:
		b.drop(lines, "the log is not read fast enough")
	default:
		b.pending = append(b.pending, lines...)
	}
	b.mu.Unlock()
	b.signal()
	return len(lines), nil
}

// Dropped counts the lines that were dropped.
func (b *Buffer) Dropped() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Close writes what waits, for as long as within, and takes no more lines. A write that hangs is left behind.
func (b *Buffer) Close(within time.Duration) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.signal()
	select {
	case <-b.ended:
	case <-time.After(within):
	}
}

func (b *Buffer) signal() {
	select {
	case b.wake <- struct{}{}:
	default: // there is a token
	}
}

// drop counts lines as dropped. The caller holds the lock.
func (b *Buffer) drop(lines []byte, reason string) {
	b.dropped += int64(bytes.Count(lines, []byte{'\n'}))
	b.reason = reason
}

// run writes until the buffer is closed. After a failure it waits for the next line, so that an output that is gone for good
// costs one try for each line.
func (b *Buffer) run() {
	defer close(b.ended)
	var batch []byte
	for {
		b.mu.Lock()
		batch, b.pending = b.pending, batch[:0]
		missing, reason, closed := b.dropped-b.reported, b.reason, b.closed
		b.mu.Unlock()
		idle := len(batch) == 0 && missing == 0
		if !idle && b.write(batch) && b.report(missing, reason) {
			continue
		}
		if closed {
			return
		}
		<-b.wake
	}
}

// report logs that lines are missing. It comes at the place where they are.
func (b *Buffer) report(missing int64, reason string) bool {
	if missing == 0 {
		return true
	}
	var line bytes.Buffer
	slog.New(slog.NewJSONHandler(&line, nil)).Warn("log lines dropped", "lines", missing, "reason", reason)
	rest, _ := b.push(line.Bytes())
	if len(rest) > 0 {
		b.torn = len(rest) < line.Len()
		return false
	}
	b.reported += missing
	return true
}

// write writes whole lines, and drops those that it cannot write.
func (b *Buffer) write(lines []byte) bool {
	if b.torn {
		if _, err := b.push([]byte{'\n'}); err != nil {
			b.lose(lines, err)
			return false
		}
		b.torn = false
	}
	rest, err := b.push(lines)
	if written := lines[:len(lines)-len(rest)]; len(written) > 0 {
		b.torn = written[len(written)-1] != '\n'
	}
	if err != nil {
		b.lose(rest, err)
	}
	return err == nil
}

// lose counts lines that could not be written.
func (b *Buffer) lose(lines []byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(lines, err.Error())
}

// push writes p and returns what could not be written. It waits where the output is full.
func (b *Buffer) push(p []byte) (rest []byte, err error) {
	for len(p) > 0 {
		var n int
		n, err = b.out.Write(p)
		p = p[n:]
		switch {
		case err == nil || len(p) == 0:
		case errors.Is(err, syscall.EAGAIN):
			time.Sleep(fullPause)
		default:
			return p, err
		}
	}
	return nil, nil
}
