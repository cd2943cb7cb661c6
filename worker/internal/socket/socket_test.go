package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// worker drains one job with each look at its status.
type worker struct {
	mu      sync.Mutex
	reasons []string
	jobs    int
	outcome string
}

func (w *worker) Drain(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reasons = append(w.reasons, reason)
}

func (w *worker) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Cause: "operator: " + w.reasons[0], Jobs: w.jobs}
	if w.jobs > 0 {
		w.jobs--
		return s
	}
	s.Drained, s.Outcome = w.outcome != "", w.outcome
	return s
}

func (w *worker) Alive() health.Report {
	return health.Of(health.Check{Name: "loops", OK: true, Detail: "all turn"})
}

func (w *worker) Ready() health.Report {
	return health.Of(health.Check{Name: "drain", OK: true, Detail: "none has begun"}, health.Check{Name: "pause", Detail: "content type is paused"})
}

func (w *worker) Metrics() []metrics.Family {
	return []metrics.Family{{Name: "worker_slots", Kind: metrics.Gauge, Help: "Slots.", Read: metrics.One(func() float64 { return 2 })}}
}

// socket is a path in a new folder; t.TempDir's are too long for sockets.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, ControlSocketName)
}

func serving(t *testing.T, path string, w *worker) *Server {
	t.Helper()
	s, err := Listen(path, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestDrainShowsEachStatusUntilTheOutcome(t *testing.T) {
	path := socket(t)
	w := &worker{jobs: 2, outcome: "group mail was asked"}
	serving(t, path, w)
	var seen []Status
	got, err := Drain(t.Context(), path, "a bad disk", func(s Status) { seen = append(seen, s) })
	if err != nil {
		t.Fatal(err)
	}
	cause := "operator: a bad disk"
	want := []Status{{Cause: cause, Jobs: 2}, {Cause: cause, Jobs: 1}, {Cause: cause, Drained: true, Outcome: w.outcome}}
	if diff := cmp.Diff(want, seen); diff != "" || got != want[2] {
		t.Errorf("returned %+v; seen (-want +got):\n%s", got, diff)
	}
	if !slices.Equal(w.reasons, []string{"a bad disk"}) {
		t.Errorf("reasons %q", w.reasons)
	}
}

func TestWorkerThatEndsFirstIsAnError(t *testing.T) {
	path := socket(t)
	s := serving(t, path, &worker{jobs: 1 << 30})
	_, err := Drain(t.Context(), path, "x", func(Status) { _ = s.http.Close() })
	if err == nil || !strings.Contains(err.Error(), "the worker ended before it said that it had drained") {
		t.Errorf("error %v", err)
	}
}

func TestSocketIsOfTheWorkersUserAlone(t *testing.T) {
	path := socket(t)
	serving(t, path, &worker{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if _, err := Listen(path, &worker{}); err == nil || !strings.Contains(err.Error(), "another worker listens on "+path) {
		t.Errorf("a second worker on the socket: %v", err)
	}
}

func TestSocketOfADeadWorker(t *testing.T) {
	path := socket(t)
	if _, err := Drain(t.Context(), path, "x", func(Status) {}); !errors.Is(err, ErrNoWorker) {
		t.Errorf("without a socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // kill -9 leaves the socket
	_ = l.Close()
	if _, err := Drain(t.Context(), path, "x", func(Status) {}); !errors.Is(err, ErrNoWorker) {
		t.Errorf("with a dead socket: %v", err)
	}
	serving(t, path, &worker{outcome: "done"})
	if got, err := Drain(t.Context(), path, "x", func(Status) {}); err != nil || got.Outcome != "done" {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
}
