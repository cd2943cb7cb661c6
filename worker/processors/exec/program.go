package exec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// reportFD is the descriptor that the program gets for its reports.
const reportFD = 3

// leftoverTime is how long the output of an ended program is still read: what it left behind may hold
// the pipes open.
const leftoverTime = time.Second

// program is a running program. It is in the slot's process group, so it ends with the slot.
type program struct {
	name    string
	cmd     *exec.Cmd
	mark    string      // "name=value" in the environment of the program and its children alone
	reports chan []byte // lines; closed when the program has ended and all were delivered
	output  *output

	abandon chan struct{} // closed: nobody reads reports any more
	ended   chan struct{}
	err     error // of the process or of its reports; valid once reports is closed
}

// startProgram starts a program with the worker's environment and the variables of the job, of which the
// first one must be unique.
func startProgram(command, variables []string) (*program, error) {
	reports, reportsEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	printed, printedEnd, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, reports.Close(), reportsEnd.Close())
	}
	p := &program{
		name:    command[0],
		cmd:     exec.Command(command[0], command[1:]...),
		mark:    variables[0],
		reports: make(chan []byte),
		output:  &output{to: os.Stderr},
		abandon: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	p.cmd.Env = append(append(os.Environ(), variables...), fmt.Sprintf("%s=%d", contract.EnvReportFD, reportFD))
	p.cmd.ExtraFiles = []*os.File{reportsEnd}
	p.cmd.Stdout, p.cmd.Stderr = printedEnd, printedEnd
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go p.live(reports, printed, started)
	err = <-started
	_, _ = reportsEnd.Close(), printedEnd.Close() // the program has its own
	if err != nil {
		_, _ = reports.Close(), printed.Close()
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// live starts the program and sees it through. It keeps its thread, with which the kernel would end the
// program.
func (p *program) live(reports, printed *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	var readers sync.WaitGroup
	var broken error
	readers.Go(func() { p.output.read(printed) })
	readers.Go(func() { broken = p.deliver(reports) })
	p.err = p.cmd.Wait()
	close(p.ended)
	confine.EndMarked(p.mark) // what it left behind would go on beside the next job
	until := time.Now().Add(leftoverTime)
	_, _ = reports.SetReadDeadline(until), printed.SetReadDeadline(until)
	readers.Wait()
	_, _ = reports.Close(), printed.Close()
	if broken != nil {
		p.err = broken
	}
	close(p.reports)
}

// deliver passes reports on. It kills a program that writes endless lines.
func (p *program) deliver(from io.Reader) error {
	lines := slot.NewLineScanner(from, protocol.MaxReport)
	for lines.Scan() {
		select {
		case p.reports <- bytes.Clone(lines.Bytes()):
		case <-p.abandon:
			return nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		p.signal(syscall.SIGKILL)
		return fmt.Errorf("wrote a report of more than %d bytes", protocol.MaxReport)
	}
	return nil // the end, or the deadline
}

func (p *program) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// wait says how the program ended; valid once reports is closed.
func (p *program) wait() error { return p.err }

// end kills the program if it still runs and waits until nothing is left of it.
func (p *program) end() {
	close(p.abandon)
	select {
	case <-p.ended:
	default:
		p.signal(syscall.SIGKILL)
	}
	for range p.reports { // until it is closed
	}
}

// output passes on what the program prints and remembers the last lines.
type output struct {
	to io.Writer

	mu   sync.Mutex
	tail []string
}

const (
	lastLines   = 10
	maxLastLine = 300 // bytes
)

func (o *output) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, 8<<10)
	for {
		piece, err := lines.ReadSlice('\n') // a long line comes in pieces
		_, _ = o.to.Write(piece)            // the supervisor logs it; if it is gone, so are we soon
		if line := strings.TrimSpace(string(piece)); line != "" {
			o.remember(line[:min(len(line), maxLastLine)])
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (o *output) remember(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tail) == lastLines {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, line)
}

func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.tail, " | ")
}
