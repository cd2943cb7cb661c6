package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/test/localtier"
)

// background is the argument of the process that keeps the tier: instances, their metadata and their
// way to AWS live in it, so with KEEP=1 the demo runs there from the start, and the process that the
// user started only shows what it prints.
const background = "background"

// verdictFD is where that process says how the claims were, once all are checked.
const verdictFD = 3

const allHold = "all claims hold"

// runInBackground starts the process that keeps the tier and shows what it prints until all claims are
// checked. Interrupted, it stops that process.
func runInBackground(ctx context.Context, o options) error {
	if err := emptyDir(o); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(o.dir, "demo.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(executable, background)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C reaches this process alone
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = writer.Close()
	verdict := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(reader) // ends at the latest with the other process
		verdict <- string(text)
	}()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return show(log.Name(), verdict)
}

// show copies a growing log to standard output until there is a verdict.
func show(name string, verdict <-chan string) error {
	log, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	for {
		var said string
		var final bool
		select {
		case said = <-verdict:
			final = true
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := io.Copy(os.Stdout, log); err != nil {
			return err
		}
		if final && said != allHold {
			return errClaims // the log says why
		}
		if final {
			return nil
		}
	}
}

// serveBackground is the process that keeps the tier.
func serveBackground(ctx context.Context, o options) error {
	syscall.CloseOnExec(verdictFD) // its end is what the other process waits for
	verdict := os.NewFile(verdictFD, "verdict")
	o.keep = true
	return newDemo(o).run(ctx, func(err error) {
		if err == nil {
			_, _ = verdict.WriteString(allHold)
		}
		_ = verdict.Close()
	})
}

// howToLook says how to look at the tier that is left running.
func (d *demo) howToLook() {
	d.say("The tier goes on. To look at it, in a shell:")
	d.say("  export %s", strings.Join(d.operatorEnviron(), " "))
	d.say("  %s jobs list --type backup", d.hostWorker())
	d.say("  %s submit --type docs --follow --payload '{\"directory\": \"%s\"}'", d.hostWorker(), filepath.Join(d.tree, "fmt"))
	d.say("Each instance has a folder with its log and its requests to AWS: %s", filepath.Join(d.dir, "instances"))
	d.say("To stop it: make demo-stop")
}

// stopTime bounds how long a kept tier may take to stop. A loaded machine takes ten times a quiet one's seconds.
const stopTime = 10 * time.Minute

// stopKept stops what KEEP=1 left running, by its recorded process id, and checks that nothing is left.
func stopKept(o options) error {
	pid, ok := runningDemo(o)
	if !ok {
		fmt.Println("no demo is running")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	err := localtier.Await(context.Background(), fmt.Sprintf("process %d to end", pid), stopTime, func(context.Context) (bool, error) {
		_, running := runningDemo(o)
		return !running, nil
	})
	if err != nil {
		return err
	}
	left, err := localtier.Leftovers(o.dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return errors.New("still running: " + strings.Join(left, ", "))
	}
	fmt.Println("stopped; nothing is left running")
	return nil
}
