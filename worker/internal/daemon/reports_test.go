package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// What the watchdog is not told any more, /healthz does not say either.
func TestAWorkerWhoseLoopHangsIsNotAlive(t *testing.T) {
	s := &state{vitals: &vitals.Deadlines{}}
	ask := func() (int, string) {
		answer := httptest.NewRecorder()
		s.Alive().ServeHTTP(answer, nil)
		return answer.Code, answer.Body.String()
	}
	s.vitals.Within("receive", time.Hour)
	if code, body := ask(); code != http.StatusOK || !strings.Contains(body, `"ok":true`) {
		t.Errorf("a loop that keeps its promise: %d %s", code, body)
	}
	s.vitals.Within("slot 0", -3*time.Second)
	if code, body := ask(); code != http.StatusServiceUnavailable || !strings.Contains(body, "slot 0 hangs: it should have shown up 3s ago") {
		t.Errorf("a loop that hangs: %d %s", code, body)
	}
	s.vitals.Rest("slot 0")
	if code, _ := ask(); code != http.StatusOK {
		t.Errorf("once it has ended: %d", code)
	}
}

// What a worker reports of its way from its start to its end.
func TestAWorkersStageIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		phase int32
		drain bool
		want  string // the conditions that fail
	}{
		"starts":    {starting, false, "start: waits for instance metadata, table or bucket: see the log; service: the group has not put the instance in service, as far as is known: it may stand in a warm pool"},
		"warm pool": {answered, false, "service: the group has not put the instance in service, as far as is known: it may stand in a warm pool"},
		"works":     {started, false, ""},
		"drains":    {started, true, "drain: starting"}, // a state without a supervisor
	} {
		_, notices := drain.NewNotices(t.Context())
		s := &state{notices: notices, vitals: &vitals.Deadlines{}}
		s.phase.Store(c.phase)
		if c.drain {
			notices.Take(&drain.Cause{Source: drain.Operator, Detail: "a bad disk"})
		}
		if ready := s.Ready(); ready.Failed() != c.want || ready.OK != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, ready.Failed(), c.want)
		}
	}
}
