package worker

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// A worker under nohup outlives its terminal.
func TestAnIgnoredHangupStaysIgnored(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "nohup", steady)
	cmd := exec.Command("sh", "-c", `trap '' HUP; exec "$0" run`, binary)
	cmd.Env = tr.command().Env
	i := tr.run(cmd)
	i.works(t)
	i.send(t, syscall.SIGHUP)
	i.send(t, syscall.SIGTERM)
	i.ends(t, 0)
	if !i.wrote(`"msg":"drained"`, "signal: terminated") {
		t.Error("the log does not say that it drained for SIGTERM")
	}
}

// A worker whose drain hangs is still to be had with its dump.
func TestASecondQuitExitsAtOnce(t *testing.T) {
	t.Parallel()
	_, b, pids := atWork(t, "second-quit", deaf, func(s *contract.Settings) { s.DrainBudget = time.Hour })
	b.send(t, syscall.SIGQUIT)
	await(t, "the job drains", func() bool { return b.logged("draining job") })
	b.send(t, syscall.SIGQUIT)
	b.ends(t, 2)
	if !b.wrote("goroutine 1 [") || !b.wrote("second signal: exiting now") {
		t.Error("no dump of the goroutines")
	}
	gone(t, pids)
}
