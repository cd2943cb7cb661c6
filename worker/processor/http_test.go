package processor

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stub answers tries in their order; the last answer repeats.
type stub struct {
	answers []answer
	tries   []time.Time
	seen    []string
}

type answer struct {
	status int
	after  string // Retry-After
	to     string // Location
	err    error
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.answers[min(len(s.tries), len(s.answers)-1)]
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = " " + string(text)
	}
	s.tries, s.seen = append(s.tries, time.Now()), append(s.seen, r.Method+" "+r.URL.String()+body)
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{}
	if a.after != "" {
		header.Set("Retry-After", a.after)
	}
	if a.to != "" {
		header.Set("Location", a.to)
	}
	return &http.Response{StatusCode: a.status, Status: fmt.Sprint(a.status), Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

var errCut = errors.New("connection reset")

func TestRequestsAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		answers      []answer
		tries        int
		took         time.Duration
		status       int
		later        time.Duration // of a RetryAt; 0: none
	}{
		"fine":               {"GET", "", []answer{{status: 200}}, 1, 0, 200, 0},
		"an error is one":    {"GET", "", []answer{{status: 500}}, 1, 0, 500, 0},
		"twice":              {"GET", "", []answer{{status: 503}, {err: errCut}, {status: 200}}, 3, 1500 * time.Millisecond, 200, 0},
		"with a body":        {"PUT", "text", []answer{{status: 502}, {status: 201}}, 2, 500 * time.Millisecond, 201, 0},
		"at most 30 s":       {"GET", "", []answer{{status: 503}}, 6, 15500 * time.Millisecond, 503, 0},
		"not cut in silence": {"GET", "", []answer{{err: errCut}}, 6, 15500 * time.Millisecond, 0, 0},
		"POST is done once":  {"POST", "text", []answer{{status: 503}}, 1, 0, 503, 0},
		"POST that was cut":  {"POST", "text", []answer{{err: errCut}}, 1, 0, 0, 0},
		"POST that may":      {"POST", "text", []answer{{status: 429, after: "7"}, {status: 200}}, 2, 7 * time.Second, 200, 0},
		"a pause":            {"GET", "", []answer{{status: 429, after: "20"}, {status: 200}}, 2, 20 * time.Second, 200, 0},
		"a pause until":      {"GET", "", []answer{{status: 503, after: "Sat, 01 Jan 2000 00:00:09 GMT"}, {status: 200}}, 2, 9 * time.Second, 200, 0},
		"a long pause":       {"GET", "", []answer{{status: 429, after: "3600"}}, 1, 0, 0, time.Hour},
		"pauses that add up": {"GET", "", []answer{{status: 429, after: "20"}, {status: 429, after: "20"}}, 2, 20 * time.Second, 0, 20 * time.Second},
		"no such pause":      {"GET", "", []answer{{status: 429, after: "soon"}, {status: 200}}, 2, 500 * time.Millisecond, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, begun := &stub{answers: c.answers}, time.Now() // 2000-01-01 in a bubble
				client := &http.Client{Transport: &retrier{next: s, pace: newPacer(0)}}
				r, err := http.NewRequestWithContext(t.Context(), c.method, "https://a/b", strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				got, err := client.Do(r)
				status := 0
				if err == nil {
					status = got.StatusCode
				}
				if status != c.status || len(s.tries) != c.tries || time.Since(begun) != c.took {
					t.Errorf("status %d, error %v after %d tries and %s", status, err, len(s.tries), time.Since(begun))
				}
				at, later := RetryTime(err)
				if later != (c.later > 0) || later && !at.Equal(time.Now().Add(c.later)) {
					t.Errorf("retry at %s (%t), error %v", at, later, err)
				}
				for _, seen := range s.seen {
					if seen != strings.TrimSpace(c.method+" https://a/b "+c.body) && seen != c.method+" https://a/b " {
						t.Errorf("sent %q", seen)
					}
				}
			})
		})
	}
}

// A drain ends the pauses of a request.
func TestDrainEndsThePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draining := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(draining) })
		client, begun := &http.Client{Transport: &retrier{next: &stub{answers: []answer{{status: 503, after: "25"}}}, pace: newPacer(0), draining: draining}}, time.Now()
		got, err := client.Get("https://a/b")
		if err != nil || got.StatusCode != http.StatusServiceUnavailable || time.Since(begun) != time.Second {
			t.Errorf("%v, error %v after %s", got, err, time.Since(begun))
		}
	})
}

func TestRequestsKeepTheirRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{answers: []answer{{status: 200}}}
		client, begun := &http.Client{Transport: &retrier{next: s, pace: newPacer(4)}}, time.Now()
		for range 4 {
			for _, host := range []string{"a", "b"} {
				if _, err := client.Get("https://" + host + "/"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if took := time.Since(begun); took != 750*time.Millisecond {
			t.Errorf("4 requests to each of two hosts took %s, want 750ms", took)
		}
	})
}

func TestRedirects(t *testing.T) {
	for name, c := range map[string]struct {
		to     string
		times  int
		status int
		seen   string // the last request
	}{
		"same host":     {"/dir/", 1, 200, "PROPFIND https://a/dir/ text"},
		"another host":  {"https://b/dir/", 1, 301, "PROPFIND https://a/dir text"},
		"another port":  {"https://a:8443/dir/", 1, 301, "PROPFIND https://a/dir text"},
		"without TLS":   {"http://a/dir/", 1, 301, "PROPFIND https://a/dir text"},
		"no target":     {"", 1, 301, "PROPFIND https://a/dir text"},
		"ten of them":   {"/dir/", 10, 200, "PROPFIND https://a/dir/ text"},
		"eleven are no": {"/dir/", 11, 0, "PROPFIND https://a/dir/ text"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{}
			for range c.times {
				s.answers = append(s.answers, answer{status: 301, to: c.to})
			}
			s.answers = append(s.answers, answer{status: 200})
			client := &http.Client{Transport: &follower{s}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			r, err := http.NewRequestWithContext(t.Context(), "PROPFIND", "https://a/dir", strings.NewReader("text"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Do(r)
			status := 0
			if err == nil {
				status = got.StatusCode
			}
			if last := s.seen[len(s.seen)-1]; status != c.status || last != c.seen {
				t.Errorf("status %d, error %v after %q", status, err, last)
			}
		})
	}
}

// TestHTTP puts all parts together, on a server with a private authority.
func TestHTTP(t *testing.T) {
	tries := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch tries++; {
		case tries == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/a":
			w.Header().Set("Location", "/a/")
			w.WriteHeader(http.StatusMovedPermanently)
		default:
			_, _ = io.WriteString(w, r.Method+" "+r.URL.Path)
		}
	}))
	defer server.Close()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client, err := new(Job).HTTP(HTTPOptions{Roots: roots, Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "PROPFIND", server.URL+"/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(got.Body)
	if err := errors.Join(err, got.Body.Close()); err != nil || string(text) != "PROPFIND /a/" || tries != 3 {
		t.Errorf("%q after %d tries, error %v", text, tries, err)
	}
	without, err := new(Job).HTTP(HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r = r.Clone(t.Context())
	r.Method = http.MethodPost // is not tried again
	if _, err := without.Do(r); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without its authority: error %v", err)
	}
	if _, err := new(Job).HTTP(HTTPOptions{Roots: []byte("no PEM")}); err == nil {
		t.Error("roots that are none were taken")
	}
}

// TestSilentAnswersEnd: a server that stops in the middle of an answer costs a minute, and a slow caller nothing.
func TestSilentAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = io.WriteString(far, "a") }()
		client := &http.Client{Transport: &idler{piped{near}}}
		got, err := client.Get("https://a/b")
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 1)
		if _, err := got.Body.Read(buffer); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		begun := time.Now()
		_, err = got.Body.Read(buffer)
		if err == nil || !strings.Contains(err.Error(), "no byte came for 1m0s") || time.Since(begun) != time.Minute {
			t.Errorf("after %s: error %v", time.Since(begun), err)
		}
		if err := got.Body.Close(); err != nil {
			t.Error(err)
		}
		_ = far.Close()
	})
}

// piped answers with what comes out of a connection, which the end of the request closes.
type piped struct{ from net.Conn }

func (p piped) RoundTrip(r *http.Request) (*http.Response, error) {
	go func() {
		<-r.Context().Done()
		_ = p.from.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: p.from, Header: http.Header{}, Request: r}, nil
}
