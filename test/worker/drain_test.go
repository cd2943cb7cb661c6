package worker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// last are the last n of what an instance said.
func (b *groupInstance) last(n int) []string {
	said := b.said()
	return said[max(0, len(said)-n):]
}

// saidLast checks the last words of an instance.
func (b *groupInstance) saidLast(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, b.last(len(want))); diff != "" {
		t.Errorf("last said (-want +got):\n%s", diff)
	}
}

// completes waits until the instance has completed its hook.
func (b *groupInstance) completes(t *testing.T) {
	t.Helper()
	await(t, "the hook is completed", func() bool { return slices.Contains(b.said(), "complete") })
}

func TestDrainOnSignal(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "on-signal", steady, nil)
	before := tr.show("job")
	b.signal(t)
	b.ends(t, 0)
	if after := tr.handedBack("job"); after.Done < before.Done {
		t.Errorf("handed back at %d, it had been at %d", after.Done, before.Done)
	}
	b.saidLast(t, "release", "bell")
	gone(t, pids)
}

// The group's wish is heard in the metadata; the hook is heartbeaten while the job goes on to its
// boundary, and completed when everything else is done.
func TestDrainOnTermination(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "on-termination", steady, nil)
	b.metadata.SetTargetState("Terminated")
	tr.handedBack("job")
	b.completes(t)
	if said := b.said(); !slices.Contains(said, "heartbeat") || slices.Contains(said, "replace") {
		t.Errorf("said %v, want a heartbeat and no word of a replacement", said)
	}
	tr.submit("next", "{}")
	b.stays(t)
	want := []string{"release", "bell", "complete"}
	if diff := cmp.Diff(want, slices.DeleteFunc(b.last(4), func(s string) bool { return s == "heartbeat" })); diff != "" {
		t.Errorf("last said (-want +got):\n%s", diff)
	}
	b.saidLast(t, "complete")
	if j := tr.show("next"); j.State != "READY" || j.Epoch != 0 {
		t.Errorf("a job that came after the drain is %s at epoch %d", j.State, j.Epoch)
	}
	gone(t, pids)
}

// The group may want the instance while it drains for another reason.
func TestTerminationDuringASignalsDrain(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "during-signal", deaf, func(s *contract.Settings) { s.DrainBudget = 8 * time.Second })
	b.signal(t)
	await(t, "the job drains", func() bool { return b.logged("draining job") })
	b.metadata.SetTargetState("Terminated")
	b.ends(t, 0)
	tr.handedBack("job")
	b.saidLast(t, "heartbeat", "release", "bell", "complete")
	gone(t, pids)
}

// systemd starts a worker again that was killed as it drained.
func TestStartOnAnInstanceThatGoesAway(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "goes-away", steady)
	tr.submit("job", "{}")
	b := tr.inGroupOf("goes-away-group", func(b *groupInstance) { b.metadata.SetTargetState("Terminated") })
	b.completes(t)
	b.stays(t)
	if j := tr.show("job"); j.State != "READY" || j.Epoch != 0 || b.logged("worker started") {
		t.Errorf("the job is %s at epoch %d", j.State, j.Epoch)
	}
}

func TestDrainOnSpotInterruption(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "on-spot", steady, nil)
	b.metadata.InterruptSpot(time.Now().Add(2 * time.Minute))
	tr.handedBack("job")
	if !b.wrote(`"msg":"draining job"`, `"cause":"spot"`, `"budget_ms":90000`) {
		t.Error("the drain has not the cause and the budget of a Spot interruption")
	}
	b.stays(t)
	if said := b.said(); slices.Contains(said, "replace") || slices.Contains(said, "complete") {
		t.Errorf("said %v about an instance that its group replaces by itself", said)
	}
	gone(t, pids)
}

func TestDrainOnRebalance(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "on-rebalance", steady, func(s *contract.Settings) { s.DrainOnRebalance = true })
	b.metadata.RecommendRebalance(time.Now())
	tr.handedBack("job")
	await(t, "the group is asked for another instance", func() bool { return slices.Contains(b.said(), "replace") })
	asked := b.aws.Requests(func(r awsproxy.Request) bool { return r.Operation == "TerminateInstanceInAutoScalingGroup" })
	if body := string(asked[0].Body); !strings.Contains(body, "InstanceId="+instanceID) || !strings.Contains(body, "ShouldDecrementDesiredCapacity=false") {
		t.Errorf("asked %s", body)
	}
	b.metadata.SetTargetState("Terminated") // as the group does then
	b.completes(t)
	b.stays(t)
	said := slices.DeleteFunc(b.said(), func(s string) bool { return s == "heartbeat" })
	if diff := cmp.Diff([]string{"release", "bell", "replace", "complete"}, said[len(said)-4:]); diff != "" {
		t.Errorf("last said (-want +got):\n%s", diff)
	}
	gone(t, pids)
}

func TestRebalanceIsIgnoredUnasked(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "no-rebalance", steady)
	b := tr.inGroup()
	b.metadata.RecommendRebalance(time.Now())
	looks := func(path string) (n int) {
		for _, r := range b.metadata.Requests() {
			if strings.HasSuffix(r.Path, path) {
				n++
			}
		}
		return n
	}
	before := looks("/spot/instance-action")
	await(t, "the metadata is looked at twice more", func() bool { return looks("/spot/instance-action") >= before+2 })
	if n := looks("/rebalance"); n > 0 || b.logged("drained") {
		t.Errorf("asked %d times for recommendations, drained: %t", n, b.logged("drained"))
	}
}

// A Spot interruption leaves a drain that could take hours its own two minutes.
func TestSpotInterruptionHurriesARebalance(t *testing.T) {
	t.Parallel()
	_, b, pids := atWork(t, "hurried", deaf, func(s *contract.Settings) { s.DrainOnRebalance, s.DrainBudget = true, time.Hour })
	b.metadata.RecommendRebalance(time.Now())
	await(t, "the job drains", func() bool { return b.wrote(`"msg":"draining job"`, `"cause":"rebalance"`) })
	b.metadata.InterruptSpot(time.Now().Add(2 * time.Minute))
	await(t, "the drain is hurried", func() bool {
		return b.wrote(`"msg":"draining job"`, `"cause":"spot"`, `"budget_ms":90000`)
	})
	b.signal(t) // only the first one: it does not end the drain
	time.Sleep(200 * time.Millisecond)
	b.signal(t)
	b.ends(t, 130)
	gone(t, pids)
}

func TestWorkerDrain(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "by-hand", steady, nil)
	tr.underWay("two")
	stdout, stderr := b.drain(t, "--reason", "a bad disk", "--json")
	got := parse[drained](t, stdout)
	got.Seconds = 0
	want := drained{Cause: "operator: a bad disk", Drained: true, Outcome: "group by-hand-group was asked to replace instance " + instanceID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if !strings.Contains(stderr, "draining (operator: a bad disk): 2 jobs in progress") {
		t.Errorf("progress %q", stderr)
	}
	tr.handedBack("job")
	tr.handedBack("two")
	b.saidLast(t, "replace")
	if again, _ := b.drain(t, "--reason", "again"); !strings.Contains(again, "operator: a bad disk") {
		t.Errorf("a second drain says %q", again)
	}
	b.stays(t)
	_, stderr, code := tr.worker(tr.environ, "drain", "--socket", b.socket)
	if code != 1 || !strings.Contains(stderr, "no worker runs here: nobody listens on "+b.socket) {
		t.Errorf("without a worker: exit %d, %s", code, stderr)
	}
	gone(t, pids)
}

// A step that ignores its context costs its own slot, with everything that the slot has started.
func TestDeafStepCostsItsSlotAndNoFailure(t *testing.T) {
	t.Parallel()
	tr, b, pids := atWork(t, "deaf", deaf, func(s *contract.Settings) { s.DrainBudget = 2 * time.Second })
	b.signal(t)
	if took := b.ends(t, 0); took < tr.settings.DrainBudget { // the step itself would take a quarter of an hour
		t.Errorf("drained in %s with a budget of %s", took, tr.settings.DrainBudget)
	}
	if j := tr.handedBack("job"); j.Done != 7 || string(j.Cursor) != "7" {
		t.Errorf("handed back at %d, cursor %s, want the last durable one: 7", j.Done, j.Cursor)
	}
	gone(t, pids)
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	_, b, pids := atWork(t, "second-signal", deaf, func(s *contract.Settings) { s.DrainBudget = time.Hour })
	b.signal(t)
	await(t, "the job drains", func() bool { return b.logged("draining job") })
	b.signal(t)
	took := b.ends(t, 130) // the budget is an hour
	t.Logf("ended %s after the second signal", took.Round(time.Millisecond))
	gone(t, pids)
}

// A drain does not wait for a long poll to end, nor does it take a message with it. The proxy holds the poll, so that it would
// never end by itself.
func TestDrainCutsTheLongPoll(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "long-poll", steady)
	b := tr.inGroup()
	held := b.aws.Hold(func(r awsproxy.Request) bool { return r.Operation == "ReceiveMessage" })
	<-held.Arrived()
	b.signal(t)
	b.ends(t, 0)
	tr.submit("job", "{}")
	tr.start()
	await(t, "another worker has it", func() bool { return tr.show("job").State == "RUNNING" })
}

// A queue that answers nothing costs a drain its bell, which the sweeper rings later, and ten seconds.
func TestDrainDoesNotWaitForADeadQueue(t *testing.T) {
	t.Parallel()
	tr, b, _ := atWork(t, "dead-queue", steady, nil)
	held := b.aws.Hold(func(r awsproxy.Request) bool { return r.Operation == "SendMessage" })
	b.signal(t)
	<-held.Arrived()
	b.ends(t, 0) // nothing answers the bell, ever
	tr.handedBack("job")
}
