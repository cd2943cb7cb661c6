package worker

import (
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// clockTrials are about wrong clocks, late writes and releases side by side.
var clockTrials = []Trial{
	{"a sweep leader whose clock was a day ahead", leaderFromTomorrow},
	{"a pause of a type whose answer was lost, after its resume", func(t testing.TB) string { return lostAnswer(t, "type") }},
	{"a pause of a job whose answer was lost, after its resume", func(t testing.TB) string { return lostAnswer(t, "jobs", "job") }},
	{"a job in a state of a newer release", newerState},
}

// leaderFromTomorrow leaves what a worker with such a clock leaves in the table: no clock of a process can be set.
func leaderFromTomorrow(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-leader", steady)
	tr.settings.Lease = shortLease
	i := tr.start()
	before := tr.underWay("job")
	i.kill()
	tomorrow := time.Now().Add(24 * time.Hour)
	tr.edit("control#backup", item{contract.AttrNextSweep: number(tomorrow.UnixMilli())})
	begin := time.Now()
	tr.start()
	await(t, "the job of the dead worker goes on", func() bool { j := tr.show("job"); return j.State == "RUNNING" && j.Epoch > before.Epoch })
	took := time.Since(begin)
	if next := time.UnixMilli(numberOf(tr.item("control#backup")[contract.AttrNextSweep])); next.After(time.Now().Add(time.Hour)) {
		t.Errorf("the next sweep is due at %s", next)
	}
	return fmt.Sprintf("the job of a dead worker goes on after %s (lease %s, sweeps each %s)", took.Round(100*time.Millisecond), tr.settings.Lease, tr.settings.Sweep)
}

// lostAnswer holds an operator's pause on its way, has the operator give up and resume, and then delivers the pause.
func lostAnswer(t testing.TB, args ...string) string {
	tr, _ := newExecTier(t, "trial-answer-"+args[0], steady)
	tr.submit("job", "{}")
	proxy := tr.proxy()
	held := proxy.Hold(func(r awsproxy.Request) bool { return r.Operation == "UpdateItem" })
	command := append([]string{args[0], "pause"}, args[1:]...)
	pause := exec.Command(binary, append(command, "--tier", tr.settings.Tier, "-e", "test", "-t", "backup")...)
	pause.Env = append(append([]string(nil), tr.environ...), "AWS_ENDPOINT_URL="+proxy.URL)
	if err := pause.Start(); err != nil {
		t.Fatal(err)
	}
	<-held.Arrived()
	_ = pause.Process.Kill() // it may have given up
	_ = pause.Wait()
	command[1] = "resume"
	tr.must(command...)
	late, err := held.Release(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if late.Code != "ConditionalCheckFailedException" {
		t.Errorf("the late pause: status %d, %s", late.Status, late.Code)
	}
	tr.start()
	await(t, "the job runs", func() bool { return tr.show("job").State == "RUNNING" })
	return "the late pause is refused (" + late.Code + "), and the job runs"
}

func newerState(t testing.TB) string {
	tr, _ := newExecTier(t, "trial-newer", steady)
	tr.message(`{"id":"job","payload":{}}`)
	tr.submit("job", "{}") // the message is of a producer that sends it again
	tr.edit("backup#job", item{contract.AttrState: text("PARKED"), contract.AttrSchema: number(contract.Schema + 1)})
	before := tr.item("backup#job")
	i := tr.start()
	await(t, "the messages are passed on", func() bool { return i.count("bell passed on") >= 2 })
	if !reflect.DeepEqual(before, tr.item("backup#job")) {
		t.Error("the item was changed")
	}
	queued, dead := tr.messages(tr.settings.QueueURL), tr.messages(tr.settings.DeadLetterQueueURL)
	if queued == 0 || dead != 0 || !i.wrote("its item has schema") {
		t.Errorf("%d messages in the queue, %d in the dead-letter queue", queued, dead)
	}
	return fmt.Sprintf("queued=%d dead_letters=%d, the item is as it was", queued, dead)
}

// refused runs an operator's command that is to fail, and returns how it says why.
func (tr *tier) refused(environ []string, want []string, args ...string) string {
	tr.t.Helper()
	args = append(args, "--tier", tr.settings.Tier, "-e", "test", "-t", "backup")
	_, stderr, code := tr.worker(environ, args...)
	for _, part := range want {
		if code != 1 || !strings.Contains(stderr, part) {
			tr.t.Errorf("worker %s: exit %d, want 1 and %q: %s", args[0], code, part, stderr)
		}
	}
	return strings.TrimSpace(stderr)
}
