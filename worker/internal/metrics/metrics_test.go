package metrics_test

import (
	"math"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

func TestMeterMeasuresTheShareOfBusySlotTime(t *testing.T) {
	var now time.Duration
	m := metrics.NewMeter(4, func() time.Duration { return now })
	take := func(want float64) {
		t.Helper()
		if got := m.Take(); math.Abs(got-want) > 1e-9 {
			t.Errorf("busy %v per cent, want %v", got, want)
		}
	}
	m.Add(1)
	m.Add(1)
	now += 30 * time.Second
	m.Add(-1)
	now += 30 * time.Second
	take(100 * (2*30 + 1*30) / (4 * 60.0))
	now += time.Minute // one slot stays busy over the whole period
	take(25)
	m.Add(-1)
	now += time.Minute
	take(0)
	take(0) // no time has passed
}
