package main

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/worker-tier/worker-tier/test/localec2"
)

// logs reads the logs of all instances, as a log agent does.
type logs struct {
	mu      sync.Mutex
	readers map[string]*logReader // by instance
}

// logReader copies a log until it is stalled.
type logReader struct {
	stalled chan struct{} // closed: nothing is read any more
	once    sync.Once
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
	reader := &logReader{stalled: make(chan struct{})}
	l.mu.Lock()
	l.readers[boot.ID] = reader
	l.mu.Unlock()
	go reader.copy(file, r)
	return m, nil
}

// copy returns when the instance has ended, or its log stalls. The pipe stays open then: a reader that goes away is another fault.
func (l *logReader) copy(file *os.File, from *os.File) {
	defer func() { _ = file.Close() }()
	for buffer := make([]byte, 4096); ; {
		n, err := from.Read(buffer)
		_, _ = file.Write(buffer[:n]) // it is for people
		select {
		case <-l.stalled:
			return
		default:
		}
		if err != nil {
			_ = from.Close()
			return
		}
	}
}

// stall has nobody read the log of an instance any more.
func (l *logs) stall(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reader := l.readers[instance]
	reader.once.Do(func() { close(reader.stalled) })
}
