package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// TestWhoseFaultAnOpenIs: an instance that has run out of something is sick, a path of the job's own is the job's.
func TestWhoseFaultAnOpenIs(t *testing.T) {
	own := filepath.Join(os.TempDir(), "scratch")
	for name, c := range map[string]struct {
		err  error
		want protocol.Kind
	}{
		"descriptors":             {fmt.Errorf("dial: %w", os.NewSyscallError("socket", syscall.EMFILE)), protocol.Sick},
		"descriptors of all":      {syscall.ENFILE, protocol.Sick},
		"memory":                  {syscall.ENOMEM, protocol.Sick},
		"a full disk":             {&fs.PathError{Op: "write", Path: own, Err: syscall.ENOSPC}, protocol.Sick},
		"a read-only disk":        {&fs.PathError{Op: "open", Path: own, Err: syscall.EROFS}, protocol.Sick},
		"the job's full disk":     {&fs.PathError{Op: "write", Path: "/mnt/backup/one", Err: syscall.ENOSPC}, protocol.Retry},
		"no such file":            {&fs.PathError{Op: "open", Path: own, Err: syscall.ENOENT}, protocol.Retry},
		"a permanent error of it": {processor.Permanent(syscall.ENOMEM), protocol.Permanent},
		"any other":               {errors.New("no route to host"), protocol.Retry},
	} {
		if got := outcomeOf(opened(c.err), false).Kind; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestASupervisorOfTheReleaseBeforeReadsTheOutcome: it knows no sick instance, and leaves an unfit one's job to another.
func TestASupervisorOfTheReleaseBeforeReadsTheOutcome(t *testing.T) {
	for known, want := range map[bool]protocol.Kind{true: protocol.Sick, false: protocol.Unfit} {
		r := runner{task: &slot.Task{Assignment: protocol.Assignment{KnowsSick: known}}}
		if got := r.readableBy(protocol.Outcome{Kind: protocol.Sick, Error: "full"}); got.Kind != want || got.Error != "full" {
			t.Errorf("knows %t: %+v", known, got)
		}
	}
}

// TestASlotTestsItselfBeforeItIsReady: without a folder for its files, or when the processor's check fails.
func TestASlotTestsItselfBeforeItIsReady(t *testing.T) {
	p := processor.Processor{Check: func() error { return errors.New("ffmpeg is missing") }}
	if err := selfTest(p); err == nil || err.Error() != "ffmpeg is missing" {
		t.Errorf("error %v", err)
	}
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	if err := selfTest(processor.Processor{}); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(folder, "away"))
	if err := selfTest(processor.Processor{}); err == nil || !strings.Contains(err.Error(), "folder for temporary files") {
		t.Errorf("error %v", err)
	}
}
