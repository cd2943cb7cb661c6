package contract_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// TestTheDefaultSpreadsFailuresOverADay: the bounds that the documents state.
func TestTheDefaultSpreadsFailuresOverADay(t *testing.T) {
	r := contract.DefaultRetry()
	var least, most time.Duration
	var pauses []time.Duration
	for failures := range int64(r.FailureLimit - 1) { // the last one is followed by none
		shortest, longest := r.Pause(failures)
		least, most, pauses = least+shortest, most+longest, append(pauses, longest)
	}
	want := []time.Duration{15 * time.Second, 90 * time.Second, 9 * time.Minute, 54 * time.Minute, 324 * time.Minute, 6 * time.Hour, 6 * time.Hour, 6 * time.Hour, 6 * time.Hour}
	if diff := cmp.Diff(want, pauses); diff != "" {
		t.Errorf("longest pauses (-want +got):\n%s", diff)
	}
	average := (least + most) / 2
	for _, span := range []struct {
		what      string
		got, want time.Duration
	}{{"least", least, 15 * time.Hour}, {"most", most, 30 * time.Hour}, {"average", average, 23 * time.Hour}} {
		if off := span.got - span.want; off < -45*time.Minute || off > 45*time.Minute {
			t.Errorf("%s span %s, want about %s", span.what, span.got, span.want)
		}
	}
}

func TestPausesStayWithinTheirSettings(t *testing.T) {
	for _, r := range []contract.Retry{
		{FailureLimit: 1000, FirstPause: time.Second, LongestPause: 720 * time.Hour},
		{FailureLimit: 3, FirstPause: time.Hour, LongestPause: time.Hour},
		contract.DefaultRetry(),
	} {
		before := time.Duration(0)
		for failures := range int64(r.FailureLimit) {
			shortest, longest := r.Pause(failures)
			if longest < before || longest < r.FirstPause || longest > r.LongestPause || shortest != longest/2 {
				t.Fatalf("%+v: from %s to %s after failure %d, and up to %s after the one before", r, shortest, longest, failures+1, before)
			}
			before = longest
		}
	}
}

// TestDefaultsTakeNoRoom: user-data has none left.
func TestDefaultsTakeNoRoom(t *testing.T) {
	usual := settings
	usual.Retry = contract.DefaultRetry()
	for name := range usual.Environ() {
		if strings.Contains(name, "PAUSE") || strings.Contains(name, "FAILURE") {
			t.Errorf("%s is written, and its value is the default", name)
		}
	}
	got, err := contract.SettingsFrom(lookup(usual.Environ()))
	if err != nil || got.Retry != usual.Retry {
		t.Errorf("read %+v, error %v", got.Retry, err)
	}
}
