package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// Reporter is what everybody may read of a worker.
type Reporter interface {
	Alive() health.Report
	Ready() health.Report
	Metrics() []metrics.Family
}

// The paths of the reports, and that of the metrics in Prometheus' text format.
const (
	AlivePath   = "/healthz"
	ReadyPath   = "/readyz"
	MetricsPath = "/metrics"
)

// reports serves what everybody may read.
func reports(w Reporter) *http.ServeMux {
	mux := http.NewServeMux()
	for path, report := range map[string]func() health.Report{AlivePath: w.Alive, ReadyPath: w.Ready} {
		mux.HandleFunc("GET "+path, func(out http.ResponseWriter, r *http.Request) { report().ServeHTTP(out, r) })
	}
	mux.HandleFunc("GET "+MetricsPath, func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", metrics.ExpositionType)
		_, _ = out.Write(metrics.Exposition(w.Metrics())) // whoever asked may have gone away
	})
	return mux
}

// ListenToAll shows w to every user of the machine, and lets nobody change anything, on a socket at path.
func ListenToAll(path string, w Reporter) (*Server, error) {
	l, err := listen(path, 0o666)
	if err != nil {
		return nil, err
	}
	return newServer(reports(w), requestTimeout).serve(l), nil
}

// ListenTCP shows w, and lets nobody change anything, at a TCP address such as "127.0.0.1:9464".
func ListenTCP(address string, w Reporter) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("watched address: %w", err)
	}
	return newServer(reports(w), requestTimeout).serve(l), nil
}

// Get asks the worker on the socket at path for what is at one of the paths above. No worker: [ErrNoWorker].
func Get(ctx context.Context, path, of string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://worker"+of, http.NoBody)
	if err != nil {
		return nil, err
	}
	return do(path, r)
}

// Report asks the worker on the socket at path for the report at [AlivePath] or [ReadyPath]. No worker: [ErrNoWorker].
func Report(ctx context.Context, path, of string) (health.Report, error) {
	var report health.Report
	response, err := Get(ctx, path, of)
	if err != nil {
		return report, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return report, fmt.Errorf("the worker on %s answered %s with no report: %w", path, response.Status, err)
	}
	return report, nil
}
