//go:build releases

package releases

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

const steps = 150

// handover is from which release to which a job went.
type handover struct{ from, to string }

// continues checks a job's history: it did all its steps, each handover went on at the next step (after a
// kill: at most redo steps before it), and nothing was counted against it but the workers that were killed.
func (f *fleet) continues(id string, redo int, kills int64) (handovers map[handover]int) {
	f.t.Helper()
	handovers = map[handover]int{}
	last := done{}
	for _, d := range f.history(id) {
		if d.epoch != last.epoch && last.epoch != 0 {
			handovers[handover{last.release, d.release}]++
		}
		if d.step > last.step+1 || d.step < last.step+1-redo {
			f.t.Errorf("%s: after step %d (epoch %d, %s) came step %d (epoch %d, %s)", id, last.step, last.epoch, last.release, d.step, d.epoch, d.release)
		}
		last = d
	}
	j := f.job(id)
	if last.step != steps || j.State != "DONE" || j.Failures != 0 || j.Crashes > kills {
		f.t.Errorf("%s ended at step %d of %d as %s with %d failures and %d crashes: %s", id, last.step, steps, j.State, j.Failures, j.Crashes, j.LastError)
	}
	return handovers
}

// TestDeployAndRollBack: jobs of the release before are taken over by this one and go on at their very step;
// after a roll back the release before leaves alone, uncounted, what it cannot read and goes on with the rest;
// with this release again all jobs end.
func TestDeployAndRollBack(t *testing.T) {
	f := newFleet(t, "rollback")
	for i := range 3 {
		f.submit(previous, fmt.Sprintf("old-%d", i), steps, 0, 0)
	}
	stop := f.start(previous)
	f.await("the release before has begun", func() bool {
		return len(f.history("old-0")) > 20 && len(f.history("old-1")) > 20 && len(f.history("old-2")) > 20
	})
	stop(syscall.SIGTERM)

	stop = f.start(raised)
	f.await("this release has taken over", func() bool { h := f.history("old-0"); return len(h) > 40 && h[len(h)-1].release == "current" })
	stop(syscall.SIGTERM)
	f.submit(raised, "plain", steps, 0, 0)
	f.submit(raised, "long-payload", steps, 0, 4<<10) // whether the release before can read these two
	f.submit(raised, "long-cursor", steps, 8<<10, 0)  // depends on which it is

	stop = f.start(previous)
	f.await("the release before works on what it can read", func() bool { return len(f.history("plain")) > 20 })
	time.Sleep(2 * time.Second) // long enough to try what it cannot read
	for _, id := range []string{"old-0", "old-1", "old-2"} {
		j, h := f.job(id), f.history(id)
		if j.State == "DONE" || j.Failures+j.Crashes != 0 {
			t.Errorf("%s, which the release before cannot read, is %s with %d failures and %d crashes", id, j.State, j.Failures, j.Crashes)
		}
		if h[len(h)-1].release != "current" {
			t.Errorf("%s was worked on by the release before, from a cursor of this one", id)
		}
	}
	stop(syscall.SIGTERM)

	f.start(raised)
	f.await("all jobs are done", func() bool { return f.finished() })
	total := map[handover]int{}
	for _, id := range f.ids {
		for versions, n := range f.continues(id, 0, 0) {
			total[versions] += n
		}
	}
	t.Logf("%d jobs, handovers from release to release: %v", len(f.ids), total)
	if total[handover{"previous", "current"}] < 4 {
		t.Errorf("only %d jobs went from the release before to this one", total[handover{"previous", "current"}])
	}
}

// TestMixedFleet: workers of both releases on one table and queue, drained and killed in turns, the
// sweeper being of either release.
func TestMixedFleet(t *testing.T) {
	f := newFleet(t, "mixed")
	for i := range 16 {
		binary := []string{previous, current}[i%2]
		f.submit(binary, fmt.Sprintf("job-%d", i), steps, (i%4)*3<<10, (i%3)*1<<10)
	}
	binaries := []string{previous, current}
	stops := []func(syscall.Signal){f.start(previous), f.start(current)}
	kills := int64(0)
	for turn := range 8 {
		time.Sleep(1500 * time.Millisecond)
		signal := syscall.SIGTERM
		if turn%4 >= 2 {
			signal = syscall.SIGKILL
			kills++
		}
		stops[turn%2](signal)
		stops[turn%2] = f.start(binaries[turn%2])
	}
	stops[0](syscall.SIGTERM) // the deploy comes to its end
	f.await("all jobs are done", func() bool { return f.finished() })
	total := map[handover]int{}
	for _, id := range f.ids {
		for versions, n := range f.continues(id, 60, kills) {
			total[versions] += n
		}
	}
	t.Logf("%d jobs, %d kills, handovers from release to release: %v", len(f.ids), kills, total)
	if total[handover{"previous", "current"}] == 0 || total[handover{"current", "previous"}] == 0 {
		t.Error("want jobs to go from each release to the other")
	}
}
