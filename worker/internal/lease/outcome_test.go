package lease_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

// A cursor is reported after 21 s, saved at once as the last one is old, another after 25 s; a lease is 60 s.
func TestWhatAnAttemptCameTo(t *testing.T) {
	type end func(w *world, a *lease.Attempt)
	report := func(o protocol.Outcome) end {
		return func(w *world, a *lease.Attempt) { a.Report(w.t.Context(), outcome(o)) }
	}
	for name, c := range map[string]struct {
		end                             end
		want                            lease.Outcome
		lasted, again                   time.Duration
		heartbeats, failed, checkpoints int64
	}{
		"done":      {report(protocol.Outcome{Kind: protocol.Done, Checkpoint: position(90)}), lease.Done, 30 * time.Second, 0, 2, 0, 2},
		"permanent": {report(protocol.Outcome{Kind: protocol.Permanent, Error: "no"}), lease.Dead, 30 * time.Second, 0, 2, 0, 2},
		"failed":    {report(protocol.Outcome{Kind: protocol.Retry, Error: "no route"}), lease.Failed, 30 * time.Second, 5 * time.Second, 2, 0, 2},
		"killed":    {func(w *world, a *lease.Attempt) { a.Ended(w.t.Context(), errors.New("killed")) }, lease.Failed, 30 * time.Second, 5 * time.Second, 2, 0, 2},
		"exited": {func(w *world, a *lease.Attempt) {
			a.Ended(w.t.Context(), nil)
			if j := w.job(); j.LastError != "the slot exited with status 0 before it reported how the job ended" {
				w.t.Errorf("last error %q", j.LastError)
			}
		}, lease.Failed, 30 * time.Second, 5 * time.Second, 2, 0, 2},
		"drained at its boundary": {func(w *world, a *lease.Attempt) {
			a.Drain("signal", timing.DrainBudget)
			report(protocol.Outcome{Kind: protocol.Stopped, Checkpoint: position(90)})(w, a)
		}, lease.Drained, 30 * time.Second, 0, 2, 0, 2},
		"outlived the drain": {func(w *world, a *lease.Attempt) {
			a.Drain("signal", 3*time.Second)
			w.live(a, 3*time.Second)
			a.Ended(w.t.Context(), errors.New("killed"))
		}, lease.Drained, 33 * time.Second, 8 * time.Second, 3, 0, 2},
		"cut off": {func(w *world, a *lease.Attempt) {
			w.table.fail = always
			w.live(a, time.Hour)
		}, lease.Expired, 81 * time.Second, 60 * time.Second, 2, -1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.deps.Tally = &lease.Tally{}
			a := w.begin()
			w.live(a, 21*time.Second)
			a.Report(t.Context(), checkpoint(40))
			w.live(a, 4*time.Second)
			a.Report(t.Context(), checkpoint(60))
			w.live(a, 5*time.Second)
			c.end(w, a)
			got := a.Account()
			if got.Outcome != c.want || got.Lasted != c.lasted || got.Again != c.again || got.Unit != "messages" || got.Job.Key.String() != "mail#one" {
				t.Errorf("%+v, want %s after %s, %s of it again", got, c.want, c.lasted, c.again)
			}
			tally := []int64{w.deps.Tally.Heartbeats.Load(), w.deps.Tally.Checkpoints.Load(), w.deps.Tally.FailedCheckpoints.Load()}
			if diff := cmp.Diff([]int64{c.heartbeats, c.checkpoints, 0}, tally); diff != "" {
				t.Errorf("beats, checkpoints (-want +got):\n%s", diff)
			}
			if failed := w.deps.Tally.FailedHeartbeats.Load(); failed != c.failed && (c.failed >= 0 || failed == 0) {
				t.Errorf("%d heartbeats failed", failed)
			}
		})
	}
}
