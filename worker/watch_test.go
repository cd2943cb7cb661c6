package main_test

import (
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/control"
	"github.com/worker-tier/worker-tier/worker/internal/health"
)

// says waits until the worker's report is that only the named checks fail, and returns what is said of them.
func (b *box) says(t *testing.T, of string, failing ...string) string {
	t.Helper()
	var last health.Report
	await(t, of+": these fail: "+strings.Join(failing, ", "), func() bool {
		var err error
		if last, err = control.Report(t.Context(), b.socket, of); err != nil {
			return false
		}
		var failed []string
		for _, c := range last.Checks {
			if !c.OK {
				failed = append(failed, c.Name)
			}
		}
		return strings.Join(failed, " ") == strings.Join(failing, " ") && last.OK == (len(failed) == 0)
	})
	return last.Failed()
}

func TestReadyMeansThatJobsAreTaken(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "readiness", steady)
	tr.environ = append(tr.environ, "AWS_MAX_ATTEMPTS=1")
	b := tr.boxOf("readiness-group", func(b *box) { b.metadata.SetAway(true) })
	b.says(t, control.ReadyPath, "start", "service")
	b.metadata.SetAway(false)
	b.says(t, control.ReadyPath)
	tr.underWay("job")
	b.says(t, control.ReadyPath) // busy is not unready
	tr.must("type", "pause")
	b.says(t, control.ReadyPath, "pause")
	tr.must("type", "resume")
	b.says(t, control.ReadyPath)
	b.aws.Close()
	if said := b.says(t, control.ReadyPath, "table", "queue"); !strings.Contains(said, "connection refused") {
		t.Errorf("it does not say why: %s", said)
	}
	b.says(t, control.AlivePath) // an outage is no reason to end a worker
}

func TestADrainedWorkerIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	tr, _ := newExecTier(t, "unready", steady)
	b := tr.box()
	tr.underWay("job")
	b.drain(t, "--reason", "bad disk")
	if said := b.says(t, control.ReadyPath, "drain", "slots"); !strings.Contains(said, "drain: drained (operator: bad disk): ") {
		t.Errorf("it does not say why: %s", said)
	}
	b.says(t, control.AlivePath)
}

// A worker in a warm pool is alive and waits.
func TestAWarmWorkerIsNotReady(t *testing.T) {
	t.Parallel()
	tr := newTier(t, "warm-watched")
	tr.settings.WarmPool = true
	b := tr.boxOf("warm-watched-group", func(b *box) { b.metadata.SetTargetState("Warmed:Running") })
	b.says(t, control.ReadyPath, "service", "slots", "pause", "table")
	b.says(t, control.AlivePath)
	b.metadata.SetTargetState("InService")
	b.says(t, control.ReadyPath)
}
