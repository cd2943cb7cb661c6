package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// What the watchdog is not told any more, /healthz does not say either.
func TestAWorkerWhoseLoopHangsIsNotAlive(t *testing.T) {
	b := &board{vitals: &vitals.Board{}, ctx: context.Background(), over: make(chan struct{})}
	ask := func() (int, string) {
		answer := httptest.NewRecorder()
		b.Alive().ServeHTTP(answer, nil)
		return answer.Code, answer.Body.String()
	}
	b.vitals.Within("receive", time.Hour)
	if code, body := ask(); code != http.StatusOK || !strings.Contains(body, `"ok":true`) {
		t.Errorf("a loop that keeps its promise: %d %s", code, body)
	}
	b.vitals.Within("slot 0", -3*time.Second)
	if code, body := ask(); code != http.StatusServiceUnavailable || !strings.Contains(body, "slot 0 hangs: it should have shown up 3s ago") {
		t.Errorf("a loop that hangs: %d %s", code, body)
	}
	b.vitals.Rest("slot 0")
	if code, _ := ask(); code != http.StatusOK {
		t.Errorf("once it has ended: %d", code)
	}
}
