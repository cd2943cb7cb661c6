package job

import (
	"testing"
	"time"
)

func TestLeft(t *testing.T) {
	at := func(pace Pace) Job {
		return Job{State: Running, Position: Position{Done: 400, Total: 1000, Unit: "messages"}, Pace: pace}
	}
	for name, c := range map[string]struct {
		job                     Job
		soonest, likely, latest time.Duration
		ok                      bool
	}{
		"steady":             {at(Pace{PerSecond: 2}), 5 * time.Minute, 5 * time.Minute, 5 * time.Minute, true},
		"uneven":             {at(Pace{2, 0.5}), 200 * time.Second, 5 * time.Minute, 10 * time.Minute, true},
		"no end in sight":    {at(Pace{2, 1}), 150 * time.Second, 5 * time.Minute, 0, true},
		"pace not known":     {job: at(Pace{})},
		"total not known":    {job: Job{State: Running, Position: Position{Done: 4}, Pace: Pace{PerSecond: 1}}},
		"does not run":       {job: Job{State: Ready, Position: Position{Done: 4, Total: 8}, Pace: Pace{PerSecond: 1}}},
		"more than expected": {job: Job{State: Running, Position: Position{Done: 9, Total: 8}, Pace: Pace{PerSecond: 1}}},
		"after the sun":      {job: at(Pace{PerSecond: 1e-12})},
	} {
		soonest, likely, latest, ok := c.job.Left()
		if soonest != c.soonest || likely != c.likely || latest != c.latest || ok != c.ok {
			t.Errorf("%s: %s, %s, %s, %t", name, soonest, likely, latest, ok)
		}
	}
}
