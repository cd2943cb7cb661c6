package slot

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/child/childtest"
	"github.com/worker-tier/worker-tier/worker/internal/confine"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

const limit = 200 << 20

func init() {
	roles["eater"] = serve(func(*Endpoint, *Task) { eat() })
	roles["eat"] = func() { eat() }
	roles["feeder"] = serve(func(*Endpoint, *Task) { feed(false) })
	roles["stepparent"] = serve(func(*Endpoint, *Task) { feed(true) })
	roles["modest"] = serve(modest)
	roles["score"] = serve(func(e *Endpoint, _ *Task) {
		score, err := os.ReadFile("/proc/self/oom_score_adj")
		must(err)
		must(e.Finish(protocol.Outcome{Kind: protocol.Done, Error: strings.TrimSpace(string(score))}))
	})
	roles["bomb"] = serve(func(e *Endpoint, _ *Task) {
		childtest.Bomb()
		must(e.Finish(protocol.Outcome{Kind: protocol.Done}))
	})
	roles["daemon"] = serve(func(*Endpoint, *Task) { holdFifoAs(&syscall.SysProcAttr{Setsid: true}); spin() })
	roles["deserter"] = serve(desert)
}

// eat takes memory a MiB at a time and lets go of none.
func eat() {
	var eaten [][]byte
	for len(eaten) < 4096 {
		mebibyte := make([]byte, 1<<20)
		for i := 0; i < len(mebibyte); i += 4096 {
			mebibyte[i] = 1
		}
		eaten = append(eaten, mebibyte)
		time.Sleep(2 * time.Millisecond)
	}
	runtime.KeepAlive(eaten)
}

// feed lets a child eat, in a session of its own if asked.
func feed(session bool) {
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleVariable+"=eat")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	must(child.Run())
}

// modest makes more garbage than its limit and tells how much memory it may use.
func modest(e *Endpoint, _ *Task) {
	for range 3 * limit >> 20 {
		runtime.KeepAlive(make([]byte, 1<<20))
	}
	must(e.Finish(protocol.Outcome{Kind: protocol.Done, Error: os.Getenv("GOMEMLIMIT")}))
}

// desert leaves the slot's process group for the supervisor's.
func desert(*Endpoint, *Task) {
	group, err := syscall.Getpgid(os.Getppid())
	must(err)
	must(syscall.Setpgid(0, group))
	holdFifo()
	spin()
}

// confinement is one for the whole test process: with cgroups, making it moves the process.
var confinement = confine.New(limit, options("").Log)

func startConfined(t *testing.T, role string, env ...string) *Process {
	t.Helper()
	o := options(role)
	o.Env = append(o.Env, env...)
	o.Confinement = confinement
	return startJobWith(t, o)
}

// TestMemoryLimit: a slot that eats memory is killed for it, whoever of its group or its descendants eats.
func TestMemoryLimit(t *testing.T) {
	for _, role := range []string{"eater", "feeder", "stepparent"} {
		t.Run(role, func(t *testing.T) {
			neighbour := startConfined(t, "drain")
			err := end(t, startConfined(t, role))
			exceeded, ok := errors.AsType[*confine.MemoryError](err)
			if !ok || exceeded.Limit != limit || exceeded.Used < limit {
				t.Fatalf("Err() = %v", err)
			}
			for _, word := range []string{"was killed: it used ", "its limit is 200 MiB", "processesPerInstance", "memoryPerProcess", "larger instance type"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			send(t, neighbour, protocol.Order{Drain: &protocol.Drain{Cause: "still here"}})
			if r := next(t, neighbour); r.Outcome == nil || r.Outcome.Error != "still here" {
				t.Errorf("the neighbour says %+v", r)
			}
		})
	}
}

// TestForkBombFailsAlone needs a cgroup, so that only make cgroup-test tries the bomb. Elsewhere nothing bounds it.
func TestForkBombFailsAlone(t *testing.T) {
	if !confinement.LimitsProcesses() {
		t.Log("no cgroup with the pids controller was delegated: the bomb is not tried")
		return
	}
	neighbour := startConfined(t, "drain")
	bomber := startConfined(t, "bomb")
	for r := range bomber.Reports() {
		if r.Outcome != nil {
			t.Error("the slot started 1100 threads, its limit is 1024")
			bomber.Kill()
		}
	}
	if err := bomber.Err(); err == nil {
		t.Error("the slot ended without an error")
	}
	send(t, neighbour, protocol.Order{Drain: &protocol.Drain{Cause: "still here"}})
	if r := next(t, neighbour); r.Outcome == nil || r.Outcome.Error != "still here" {
		t.Errorf("the neighbour reports %+v", r)
	}
}

func TestGarbageIsCollectedBeforeTheLimit(t *testing.T) {
	p := startConfined(t, "modest")
	if r := next(t, p); r.Outcome == nil || r.Outcome.Error != fmt.Sprint(limit/10*9) {
		t.Errorf("the slot says %+v", r)
	}
}

// TestNobodyEscapes: what leaves the slot's group or session is killed with it.
func TestNobodyEscapes(t *testing.T) {
	for _, role := range []string{"daemon", "deserter"} {
		t.Run(role, func(t *testing.T) {
			left, fifo := watchFifo(t)
			p := startConfined(t, role, fifo)
			childtest.AwaitHeld(t, left, patience)
			p.Kill()
			if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
				t.Errorf("Err() = %v", err)
			}
			childtest.NobodyLeft(t, left, patience)
		})
	}
}

// TestDeadlineEndsDaemonsToo: without its supervisor's help a slot takes with it what left its group.
func TestDeadlineEndsDaemonsToo(t *testing.T) {
	left, fifo := watchFifo(t)
	o := options("frozen supervisor")
	supervisor := exec.Command(o.Executable)
	supervisor.Env = slices.Concat(o.Env, []string{fifo})
	must(supervisor.Start())
	defer func() {
		_ = supervisor.Process.Kill()
		_ = supervisor.Wait()
	}()
	childtest.AwaitHeld(t, left, patience)
	if err := supervisor.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	childtest.NobodyLeft(t, left, patience)
}

// TestManySlotsLeaveNothing: neither descriptors nor processes nor cgroups.
func TestManySlotsLeaveNothing(t *testing.T) {
	one := func() {
		p := startConfined(t, "steps")
		for next(t, p).Outcome == nil {
		}
		p.Kill()
		if err := end(t, p); !errors.Is(err, protocol.ErrKilled) {
			t.Fatal(err)
		}
	}
	count := func() string {
		descriptors, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		children := 0
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			t.Fatal(err)
		}
		for _, stat := range stats {
			text, _ := os.ReadFile(stat) // it may have ended
			if strings.Contains(string(text), fmt.Sprintf(" %d ", os.Getpid())) {
				children++
			}
		}
		return fmt.Sprintf("%d descriptors, %d processes", len(descriptors), children)
	}
	one()
	before := count()
	for range 50 {
		one()
	}
	if after := count(); after != before {
		t.Errorf("%s before, %s after", before, after)
	}
}

func TestAStrangersKillIsNotGuessedAt(t *testing.T) {
	p := startConfined(t, "score")
	if r := next(t, p); r.Outcome == nil || r.Outcome.Error != "500" {
		t.Errorf("the slot is not the kernel's first choice: oom_score_adj %+v", r)
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := end(t, p); err == nil || !strings.Contains(err.Error(), "signal: killed, not by the worker: who sent the signal is not known") {
		t.Errorf("Err() = %v", err)
	}
}
