package cli

import (
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// watched is a job as it is seen from its submission to its end.
func watched() []job.Job {
	j := job.Job{Key: job.Key{ContentType: "backup", ID: "one"}, State: job.Ready}
	jobs := []job.Job{j}
	for _, done := range []int64{0, 40_000_000, 80_000_000} {
		j.State, j.Position = job.Running, job.Position{Done: done, Total: 100_000_000, Unit: "bytes"}
		jobs = append(jobs, j)
	}
	j.State, j.Done = job.Done, 100_000_000
	return append(jobs, j)
}

func TestBarShowsStateProgressAndEnd(t *testing.T) {
	var out strings.Builder
	show := bar(operator.Printer{To: &out})
	for _, j := range watched() {
		show(j)
	}
	for _, want := range []string{"one READY", "one RUNNING", "/100 MB", "one DONE 100% of 100000000 bytes\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the bar never shows %q:\n%q", want, out.String())
		}
	}
}

func TestLinesSayEachStateOnceAndTheEnd(t *testing.T) {
	var out strings.Builder
	show := lines(operator.Printer{To: &out})
	for _, j := range watched() {
		show(j)
	}
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 3 { // the lines of one state come five seconds apart
		t.Fatalf("%d lines:\n%s", len(got), out.String())
	}
	for i, want := range []string{"one READY -", "one RUNNING 0%", "one DONE 100% of 100000000 bytes"} {
		if !strings.Contains(got[i], want) {
			t.Errorf("line %d is %q, want %q", i, got[i], want)
		}
	}
}
