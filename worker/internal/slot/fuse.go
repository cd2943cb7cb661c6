package slot

import (
	"os"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/monotonic"
)

// fusePoll is how often a set deadline is looked at: timers stand still while a machine is suspended,
// the clock of deadlines does not.
const fusePoll = 250 * time.Millisecond

// fuse ends the process group when the deadline has passed, from a goroutine of its own.
type fuse struct{ deadlines chan time.Duration }

func newFuse() *fuse { return &fuse{deadlines: make(chan time.Duration)} }

// set moves the deadline, an absolute time of internal/monotonic; 0: none.
func (f *fuse) set(deadline time.Duration) { f.deadlines <- deadline }

func (f *fuse) watch() {
	var deadline time.Duration
	for {
		var look <-chan time.Time
		if deadline != 0 {
			left := deadline - monotonic.Now()
			if left <= 0 {
				endGroup("the job's deadline has passed: the supervisor did not renew the lease")
			}
			look = time.After(min(left, fusePoll))
		}
		select {
		case deadline = <-f.deadlines:
		case <-look:
		}
	}
}

// endsItself begins the last words of a slot that does.
const endsItself = "slot ends itself: "

// endGroup kills this process, all programs of its group and those that have left it. The last words may
// get lost: a frozen supervisor does not read them.
func endGroup(why string) {
	within(100*time.Millisecond, func() { _, _ = os.Stderr.WriteString(endsItself + why + "\n") })
	within(time.Second, confine.EndSelf)
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
	os.Exit(1)
}

// within waits for something that may never end.
func within(d time.Duration, something func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		something()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}
