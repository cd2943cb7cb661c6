package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/worker-tier/worker-tier/test/localec2"
)

// logs reads the logs of all instances, as a log agent does.
type logs struct {
	mu      sync.Mutex
	readers map[string]*logReader // by instance
}

// logReader copies a log until it is stalled.
type logReader struct {
	from    *os.File      // the pipe. It is kept: nobody may close it when the log stalls, not even the collector of garbage
	to      *os.File      // its other end, which the instance has
	stalled chan struct{} // closed: nothing is to be read any more
	ended   chan struct{} // closed: nothing is
}

// start starts an instance whose log is a pipe.
func (l *logs) start(boot localec2.Boot) (localec2.Machine, error) {
	file, err := os.Create(filepath.Join(boot.Dir, localec2.LogFile))
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if err := shrink(w); err != nil {
		return nil, err
	}
	boot.Log = w
	m, err := localec2.StartProcess(boot)
	if err != nil {
		return nil, err
	}
	reader := &logReader{r, w, make(chan struct{}), make(chan struct{})}
	l.mu.Lock()
	l.readers[boot.ID] = reader
	l.mu.Unlock()
	go reader.copy(file)
	return m, nil
}

// copy returns when the instance has ended, or its log stalls. The pipe stays open then: a reader that goes away is another fault.
func (l *logReader) copy(file *os.File) {
	defer close(l.ended)
	defer func() { _ = file.Close() }()
	for buffer := make([]byte, 4096); ; {
		n, err := l.from.Read(buffer)
		_, _ = file.Write(buffer[:n]) // it is for people
		select {
		case <-l.stalled:
			return
		default:
		}
		if err != nil {
			_ = l.from.Close()
			return
		}
	}
}

// stall has nobody read the log of an instance any more, and fills its pipe, so that the next line finds no room.
func (l *logs) stall(instance string) error {
	l.mu.Lock()
	reader := l.readers[instance]
	l.mu.Unlock()
	// Opened anew, since the flag would be the instance's, too.
	fd, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", reader.to.Fd()), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the log of %s: %w", instance, err)
	}
	defer func() { _ = syscall.Close(fd) }()
	close(reader.stalled)
	_, _ = syscall.Write(fd, []byte("nobody reads this log any more\n")) // wakes the reader
	<-reader.ended
	for err == nil {
		_, err = syscall.Write(fd, []byte("\n"))
	}
	if !errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("fill the log of %s: %w", instance, err)
	}
	return nil
}
