package worker

import (
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// The line is a JSON document by itself on the worker's standard error, as its journal takes it: that is what CloudWatch wants.
func TestAttemptsAreLoggedForCloudWatch(t *testing.T) {
	t.Parallel()
	_, b, _ := atWork(t, "embedded", steady, func(s *contract.Settings) { s.EMF = true })
	b.signal(t)
	b.ends(t, 0)
	var attempts []string
	for _, line := range b.log {
		if strings.Contains(line, `"msg":"attempt ended"`) {
			attempts = append(attempts, line)
		}
	}
	if len(attempts) != 1 {
		t.Fatalf("%d attempts logged", len(attempts))
	}
	got := parse[struct {
		Environment, ContentType, Outcome, Job, Instance string
		AttemptSeconds, AgainSeconds, Units              float64
	}](t, attempts[0])
	// The job is handed back at the end of a step: at least one of its steps is not done again.
	if got.Environment != "embedded-test" || got.ContentType != "backup" || got.Outcome != "drained" || got.Job != "backup#job" || got.Instance != instanceID || got.AttemptSeconds <= 0 || got.AgainSeconds >= got.AttemptSeconds || got.Units < 1 {
		t.Errorf("%+v in %s", got, attempts[0])
	}
}
