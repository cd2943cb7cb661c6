package metrics_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// A job's first claim has epoch 1. Only later claims go on from a cursor, or start over without one.
func TestClaimsAreOfThreeKinds(t *testing.T) {
	m := metrics.NewMeter(1, func() time.Duration { return 0 })
	for _, j := range []job.Job{{Epoch: 1}, {Epoch: 1}, {Epoch: 1}, {Epoch: 2, Cursor: "1"}, {Epoch: 3, CursorRef: "x"}, {Epoch: 2}} {
		m.Claimed(j)
	}
	got := map[string]float64{}
	for _, f := range m.Families() {
		if f.Name == "worker_claims_total" {
			f.Read(func(n float64, labels ...string) { got[labels[0]] = n })
		}
	}
	if diff := cmp.Diff(map[string]float64{"first": 3, "resumed": 2, "restarted": 1}, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}
