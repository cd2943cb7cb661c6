// Package socket serves the running worker over HTTP on two unix sockets in the service's runtime folder, and on a TCP address.
// On the control socket root and the worker's own user read its reports and ask it to drain. On the watch socket every user
// of the machine, and at the TCP address everybody who reaches it, only reads the reports. The package holds the client too.
package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// The sockets' names in the runtime folder of the worker's service.
const (
	ControlSocketName = "control.sock"
	WatchSocketName   = "watch.sock"
)

const (
	// statusInterval is how often a drain that is waited for is looked at.
	statusInterval = 100 * time.Millisecond
	// closeTimeout bounds the wait for those who are still told how a drain ended.
	closeTimeout = 2 * time.Second
	// requestTimeout bounds how long a request may take to arrive, and idleTimeout how long a connection is kept for
	// the next one: longer than scrapers pause.
	requestTimeout = 10 * time.Second
	idleTimeout    = 3 * time.Minute
	mostHeader     = 8 << 10 // bytes
)

// Status is how far a drain is.
type Status struct {
	Cause   string `json:"cause"`             // of the drain under way, which may be another than the one asked for
	Jobs    int    `json:"jobs"`              // still in progress
	Drained bool   `json:"drained"`           // all jobs are handed back
	Outcome string `json:"outcome,omitempty"` // set once drained: what its group was told, or why not
}

// Worker is what the control socket gives access to. Its methods are called from several goroutines.
type Worker interface {
	Reporter
	Drain(reason string)
	Status() Status
}

// request asks for a drain.
type request struct {
	Reason string `json:"reason"`
}

// Server serves one worker at one address.
type Server struct {
	http   http.Server
	served sync.WaitGroup
}

// newServer is a server that gives each request, and its answer, the time limit; 0: no limit once its header is there.
func newServer(handler http.Handler, limit time.Duration) *Server {
	kept := connections{open: map[net.Conn]time.Time{}}
	return &Server{http: http.Server{
		Handler: handler, ReadHeaderTimeout: requestTimeout, ReadTimeout: limit, WriteTimeout: limit, IdleTimeout: idleTimeout, MaxHeaderBytes: mostHeader,
		ConnState: kept.changed,
	}}
}

// serve answers requests on l until the server is closed.
func (s *Server) serve(l net.Listener) *Server {
	s.served.Go(func() { _ = s.http.Serve(l) }) // ends with Close
	return s
}

// Listen serves w on a socket at path, of which only root and this process's user may ask anything; the folder must be there.
func Listen(path string, w Worker) (*Server, error) {
	l, err := listen(path, 0o600)
	if err != nil {
		return nil, err
	}
	mux := reports(w)
	mux.HandleFunc("POST /drain", func(out http.ResponseWriter, r *http.Request) { drain(w, out, r) })
	return newServer(mux, 0).serve(l), nil // a drain is told until its end
}

// listen listens on a socket at path for whoever mode lets write to it. A socket that a dead worker left is
// replaced, that of a living one is an error.
func listen(path string, mode os.FileMode) (net.Listener, error) {
	if peer, err := net.Dial("unix", path); err == nil {
		_ = peer.Close()
		return nil, fmt.Errorf("another worker listens on %s: each needs a runtime folder of its own", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("worker's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("worker's socket: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("worker's socket: %w", err), l.Close())
	}
	return l, nil
}

// Close lets those who wait for a drain read its end, and stops listening.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.served.Wait()
}

// drain begins a drain and writes a line whenever its status changes, until its outcome is known.
func drain(worker Worker, w http.ResponseWriter, r *http.Request) {
	var asked request
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(requestTimeout)) // connections of net have deadlines
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&asked); err != nil {
		http.Error(w, "not a request: "+err.Error(), http.StatusBadRequest)
		return
	}
	_ = connection.SetReadDeadline(time.Time{})
	worker.Drain(asked.Reason)
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	for last := (Status{}); ; {
		status := worker.Status()
		if status != last {
			if plainjson.NewEncoder(w).Encode(status) != nil || connection.Flush() != nil {
				return // whoever asked has gone away; the drain goes on
			}
			last = status
		}
		if status.Outcome != "" {
			return
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}

// ErrNoWorker says that no worker listens on a socket.
var ErrNoWorker = errors.New("no worker runs here")

// do sends a request to the worker on the socket at path.
func do(path string, r *http.Request) (*http.Response, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	response, err := transport.RoundTrip(r)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNoWorker, path)
	}
	return response, err
}

// Drain asks the worker on the socket at path to drain, and waits for the outcome; show is called with
// each status. The drain goes on when ctx ends.
func Drain(ctx context.Context, path, reason string, show func(Status)) (Status, error) {
	body, err := plainjson.Marshal(request{reason})
	if err != nil {
		return Status{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://worker/drain", strings.NewReader(string(body)))
	if err != nil {
		return Status{}, err
	}
	response, err := do(path, r)
	if err != nil {
		return Status{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return Status{}, fmt.Errorf("the worker on %s answered %s: %s", path, response.Status, strings.TrimSpace(string(text)))
	}
	var status Status
	for lines := json.NewDecoder(response.Body); ; show(status) {
		if err := lines.Decode(&status); err != nil {
			return status, fmt.Errorf("the worker ended before it said that it had drained (%d jobs were in progress): %w", status.Jobs, err)
		}
		if status.Outcome != "" {
			show(status)
			return status, nil
		}
	}
}
