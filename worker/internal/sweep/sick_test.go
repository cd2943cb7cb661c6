package sweep_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// TestSickInstancesAreReplacedApart: a group of which all are sick gets one other instance a day, one with a well
// instance another each quarter of an hour.
func TestSickInstancesAreReplacedApart(t *testing.T) {
	for name, c := range map[string]struct {
		well   bool
		within time.Duration
	}{
		"the whole group": {false, 24 * time.Hour},
		"others are well": {true, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			granted := []time.Duration{}
			for n := 0; len(granted) < 3; n++ { // each minute another sick instance, which is then replaced
				s := w.sweeper("i-" + string(rune('a'+n%26)) + "/1")
				for range 2 {
					if err := s.ReportSick(t.Context(), "full"); err != nil {
						t.Fatal(err)
					}
					if c.well {
						if err := s.ReportWell(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := s.GrantReplacement(t.Context()); err == nil {
					granted = append(granted, w.clock.mono)
				} else if !strings.Contains(err.Error(), "not replaced") {
					t.Fatal(err)
				}
				w.clock.pass(time.Minute)
			}
			for i, at := range granted {
				if at != time.Duration(i)*c.within {
					t.Errorf("replaced at %v, want one each %s", granted, c.within)
				}
			}
		})
	}
}

// TestAnAnswerOfLongAgoCountsForNothing: the well instance may be sick by now.
func TestAnAnswerOfLongAgoCountsForNothing(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("i-1/1")
	report := func() {
		if err := s.ReportSick(t.Context(), "full"); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.pass(time.Minute)
	report()
	if err := s.ReportWell(t.Context()); err != nil {
		t.Fatal(err)
	}
	report()
	if err := s.GrantReplacement(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Hour)
	report()
	if err := s.GrantReplacement(t.Context()); err == nil || !strings.Contains(err.Error(), "no other instance is known to be well") {
		t.Errorf("error %v", err)
	}
}

// TestALostGrantIsOurs: the table answered a repeated write that it is refused.
func TestALostGrantIsOurs(t *testing.T) {
	w := newWorld(t)
	s := w.sweeper("i-1/1")
	s.Store = lossy{w.table}
	if err := s.GrantReplacement(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSick reads what operators see.
func TestSick(t *testing.T) {
	w := newWorld(t)
	if err := w.sweeper("i-1/1").ReportSick(t.Context(), "no space left on device"); err != nil {
		t.Fatal(err)
	}
	control, err := w.table.Memory.Get(t.Context(), sweep.ControlKey("mail"))
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]string{0: "i-1", 3 * time.Minute: "i-1", 10 * time.Minute: ""} {
		if instance, reason := sweep.Sick(control, w.clock.Now().Add(after)); instance != want || (reason != "") != (want != "") {
			t.Errorf("after %s: %q, %q", after, instance, reason)
		}
	}
	if instance, _ := sweep.Sick(job.Item{}, w.clock.Now()); instance != "" {
		t.Errorf("a new type has the sick instance %q", instance)
	}
}

// lossy is a table whose first answers are lost, so that each write is repeated.
type lossy struct{ *counting }

func (t lossy) Write(ctx context.Context, w job.Write) (job.Item, error) {
	if _, err := t.counting.Write(ctx, w); err != nil {
		return nil, err
	}
	return t.counting.Write(ctx, w)
}
