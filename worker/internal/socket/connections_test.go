package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience bounds every wait of these tests; reaching it is a failure.
const patience = 5 * time.Minute

// TestKeptConnectionsShutNobodyOut: whoever opens connections without end, silent ones and ones with half a request, neither
// takes all descriptors nor keeps others from an answer.
func TestKeptConnectionsShutNobodyOut(t *testing.T) {
	for name, listen := range map[string]func(path string) (*Server, error){
		WatchSocketName:   func(path string) (*Server, error) { return ListenToAll(path, &worker{}) },
		ControlSocketName: func(path string) (*Server, error) { return Listen(path, &worker{}) },
	} {
		for kind, sends := range map[string]string{"silent": "", "half a request": "GET /healthz HTTP/1.1\r\nHo"} {
			path := filepath.Join(filepath.Dir(socket(t)), name)
			s, err := listen(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			var kept []net.Conn
			for range 5 * mostConnections {
				conn, err := net.Dial("unix", path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				_, _ = io.WriteString(conn, sends) // it may have been closed
				kept = append(kept, conn)
				if len(kept)%mostConnections == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					if report, err := Report(ctx, path, AlivePath); err != nil || !report.OK {
						t.Errorf("%s, %s: with %d kept connections: %+v, error %v", name, kind, len(kept), report, err)
					}
					cancel()
				}
			}
			for _, conn := range kept[:len(kept)-mostConnections] { // the oldest were closed
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("%s, %s: more than %d connections are kept", name, kind, mostConnections)
				}
			}
		}
	}
}

// TestEveryRequestIsBounded: a scraper that stalls is given up.
func TestEveryRequestIsBounded(t *testing.T) {
	h := &newServer(nil, requestTimeout).http
	if h.ReadHeaderTimeout == 0 || h.ReadTimeout == 0 || h.WriteTimeout == 0 || h.IdleTimeout == 0 || h.MaxHeaderBytes == 0 {
		t.Errorf("a server for watching has no bound: %+v", h)
	}
}
