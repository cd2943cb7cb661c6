package job

import (
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// TestRedriveLeavesNothingOfTheFirstLife: a job that kept its ttl would be deleted while it runs, and one that
// kept a request to cancel could never be claimed.
func TestRedriveLeavesNothingOfTheFirstLife(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000).UTC()
	removed := map[string]bool{}
	w := Redrive(Job{Key: Key{"mail", "one"}, State: Dead, Epoch: 7}, now)
	for _, attr := range w.Remove {
		removed[attr] = true
	}
	for _, attr := range []string{contract.AttrTTL, contract.AttrCancelRequested, contract.AttrCrashPosition} {
		if _, set := w.Set[attr]; set || !removed[attr] {
			t.Errorf("a redriven job keeps its %s", attr)
		}
	}
	for _, attr := range []string{contract.AttrCrashes, contract.AttrFailures, contract.AttrNotBefore} {
		if w.Set[attr] != int64(0) {
			t.Errorf("a redriven job has %s %v, want 0", attr, w.Set[attr])
		}
	}
}

// TestEndedJobsOutliveTheirMessages: a late duplicate of a submission would run a job again whose item is gone.
// It may wait in the queue for its whole retention, and after that in the dead-letter queue.
func TestEndedJobsOutliveTheirMessages(t *testing.T) {
	if Retention <= 2*contract.QueueRetention {
		t.Errorf("ended jobs live for %s, their messages for up to twice %s", Retention, contract.QueueRetention)
	}
}

// TestLeftSaysWhetherAWriteWasApplied: what the SDK's second try of a command is refused for.
func TestLeftSaysWhetherAWriteWasApplied(t *testing.T) {
	j := Job{Key: Key{"mail", "one"}, State: Ready}
	now := time.UnixMilli(1_700_000_000_000).UTC()
	pause := Pause(j, now)
	item := Item{contract.AttrKey: "mail#one", contract.AttrState: string(Ready)}
	if pause.Left(item) || pause.Left(nil) {
		t.Error("a pause that was not applied passes for applied")
	}
	for attr, v := range pause.Set {
		item[attr] = v
	}
	if !pause.Left(item) {
		t.Error("a pause that was applied passes for not applied")
	}
	if resume := Resume(j, now); resume.Left(item) {
		t.Error("a resume passes for applied to a paused job")
	}
}
