package socket

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/health"
)

func TestReportsAreAskedFor(t *testing.T) {
	path := socket(t)
	if _, err := Report(t.Context(), path, ReadyPath); !errors.Is(err, ErrNoWorker) {
		t.Errorf("without a worker: %v", err)
	}
	w := &worker{}
	serving(t, path, w)
	for of, want := range map[string]health.Report{AlivePath: w.Alive(), ReadyPath: w.Ready()} {
		got, err := Report(t.Context(), path, of)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", of, diff)
		}
	}
	if _, err := Report(t.Context(), path, "/drain"); err == nil || !strings.Contains(err.Error(), "answered 405 Method Not Allowed with no report") {
		t.Errorf("of something else: %v", err)
	}
}

// get is what a TCP address answers: status and body.
func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{"reason": "none"}`))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// free is an address on which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestTCPAddressShowsAndChangesNothing(t *testing.T) {
	address, w := free(t), &worker{}
	s, err := ListenTCP(address, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if code, body := get(t, http.MethodGet, "http://"+address+AlivePath); code != 200 || body != `{"ok":true,"checks":[{"check":"loops","ok":true,"detail":"all turn"}]}`+"\n" {
		t.Errorf("alive: %d %s", code, body)
	}
	if code, body := get(t, http.MethodGet, "http://"+address+ReadyPath); code != 503 || !strings.Contains(body, `{"check":"pause","ok":false,"detail":"content type is paused"}`) {
		t.Errorf("ready: %d %s", code, body)
	}
	if code, body := get(t, http.MethodGet, "http://"+address+MetricsPath); code != 200 || body != "# HELP worker_slots Slots.\n# TYPE worker_slots gauge\nworker_slots 2\n" {
		t.Errorf("metrics: %d %s", code, body)
	}
	if code, _ := get(t, http.MethodPost, "http://"+address+"/drain"); code != 404 || len(w.reasons) != 0 {
		t.Errorf("a drain over TCP: %d, reasons %q", code, w.reasons)
	}
	if _, err := ListenTCP(address, w); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second worker at the address: %v", err)
	}
}

// Every user may look, nobody may touch.
func TestSocketForWatchingShowsToAllAndChangesNothing(t *testing.T) {
	path, w := socket(t), &worker{}
	s, err := ListenToAll(path, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
	if got, err := Report(t.Context(), path, ReadyPath); err != nil || cmp.Diff(w.Ready(), got) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Drain(t.Context(), path, "none", func(Status) {}); err == nil || !strings.Contains(err.Error(), "404 Not Found") || len(w.reasons) != 0 {
		t.Errorf("a drain: %v, reasons %q", err, w.reasons)
	}
}
