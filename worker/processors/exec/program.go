package exec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/child"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// reportFD is the descriptor that the program gets for its reports.
const reportFD = 3

// What is kept of the lines that a program prints.
const (
	lastLines   = 10
	maxLastLine = 300 // bytes
)

// program is a running program. It is in the slot's process group, so it ends with the slot.
type program struct {
	name    string
	child   *child.Process
	reports chan []byte // lines; closed when the program has ended and all were delivered
	tail    child.Tail

	abandon chan struct{} // closed: nobody reads reports any more
	broken  error         // a report that breaks the protocol; valid once the child has ended
	err     error         // of the process or of its reports; valid once reports is closed
}

// startProgram starts a program with the worker's environment and the variables of the job, of which the
// first one must be unique.
func startProgram(command, variables []string) (*program, error) {
	p := &program{
		name:    command[0],
		reports: make(chan []byte),
		tail:    child.Tail{Lines: lastLines, Width: maxLastLine},
		abandon: make(chan struct{}),
	}
	p.child = child.New(child.Command{
		Path: command[0], Args: command[1:],
		Env:     append(append(os.Environ(), variables...), fmt.Sprintf("%s=%d", contract.EnvReportFD, reportFD)),
		Reports: p.deliver, Output: p.passOn,
		Orphaned: syscall.SIGKILL, // when the slot dies without having been able to end the program
		// What the program leaves behind would go on beside the next job. Its environment has the mark, too.
		Leftovers: func() { confine.EndMarked(variables[0]) },
	})
	if err := p.child.Start(); err != nil {
		return nil, protocol.Instance(fmt.Errorf("start %s: %w", p.name, err))
	}
	go p.live()
	return p, nil
}

// live waits until nothing is left of the program.
func (p *program) live() {
	if p.err = p.child.Wait(); p.broken != nil {
		p.err = p.broken
	}
	close(p.reports)
}

// passOn passes on what the program prints.
func (p *program) passOn(from io.Reader) {
	p.tail.Read(from, func(piece []byte) { _, _ = os.Stderr.Write(piece) }) // the supervisor logs it; if it is gone, so are we soon
}

// deliver passes reports on. It kills a program that writes endless lines.
func (p *program) deliver(from io.Reader) {
	lines := slot.NewLineScanner(from, protocol.MaxReport)
	for lines.Scan() {
		select {
		case p.reports <- bytes.Clone(lines.Bytes()):
		case <-p.abandon:
			return
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) { // anything else is the end, or the deadline
		p.child.Kill()
		p.broken = fmt.Errorf("wrote a report of more than %d bytes", protocol.MaxReport)
	}
}

// end kills the program if it still runs and waits until nothing is left of it.
func (p *program) end() {
	close(p.abandon)
	p.child.Kill()
	for range p.reports { // until it is closed
	}
}
