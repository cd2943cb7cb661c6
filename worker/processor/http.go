package processor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// HTTPOptions are what a processor decides about its requests. The zero value is good for most.
type HTTPOptions struct {
	// Rate is the most requests a second to one host, tries included; 0: as many as there are.
	Rate float64
	// Roots are certificates of private authorities (PEM), beside those of the instance. Verification cannot be turned off.
	Roots []byte
}

// The times of a request.
const (
	connectWithin = 10 * time.Second // TCP, and TLS again
	answerWithin  = 30 * time.Second // from the request to the headers of the answer
	silentFor     = time.Minute      // the longest pause between two bytes of an answer
	retriedFor    = 30 * time.Second // all pauses between the tries of one request
	mostRedirects = 10
)

// HTTP makes a client for the requests of a job. Its clients share nothing: make one in Open.
//
//   - A connection takes at most 10 s, the headers of an answer 30 s, and a byte of its body 60 s.
//   - GET, HEAD, OPTIONS, PROPFIND, REPORT, PUT and DELETE are tried again after a failed connection and after 429, 502, 503 and 504,
//     with pauses that double from 500 ms to 30 s in all. Other methods are tried again after 429 and 503 with a
//     Retry-After only. A body must be one that http.NewRequest can read again: bytes or text.
//   - A server's Retry-After counts, in both of its forms. One beyond the 30 s is an error by [RetryAt]: return it, and the job
//     goes on at that time without a failure.
//   - Redirects are followed to the same host only, at most 10, with the same method. Another one is the answer, with its 3xx status.
//
// After that, an answer with a status such as 500 is an answer and no error, as with every http.Client. The rules hold for each
// request whatever its context allows.
func (j *Job) HTTP(o HTTPOptions) (*http.Client, error) {
	transport, err := transportOf(o)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport:     &follower{&retrier{next: &idler{transport}, pace: newPacer(o.Rate), draining: j.Draining}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func transportOf(o HTTPOptions) (*http.Transport, error) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectWithin}).DialContext,
		TLSHandshakeTimeout:   connectWithin,
		ResponseHeaderTimeout: answerWithin,
		IdleConnTimeout:       silentFor,
		ForceAttemptHTTP2:     true,
	}
	if o.Roots != nil {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the certificates of this instance: %w", err)
		}
		if !pool.AppendCertsFromPEM(o.Roots) {
			return nil, errors.New("HTTP roots: hold no certificate in PEM form")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return transport, nil
}

// follower follows redirects to the same host. Package net/http would turn PROPFIND into GET.
type follower struct{ next http.RoundTripper }

func (f *follower) RoundTrip(r *http.Request) (*http.Response, error) {
	for n := 0; ; n++ {
		answer, err := f.next.RoundTrip(r)
		if err != nil || !redirects(answer.StatusCode) {
			return answer, err
		}
		to, err := answer.Location()
		if err != nil || to.Host != r.URL.Host || to.Scheme != r.URL.Scheme {
			return answer, nil
		}
		_ = answer.Body.Close()
		if n == mostRedirects {
			return nil, fmt.Errorf("more than %d redirects, the last one to %s", mostRedirects, to.Redacted())
		}
		if r, err = again(r.Context(), r); err != nil {
			return nil, err
		}
		r.URL = to
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// again is the request once more, with its body from the beginning.
func again(ctx context.Context, r *http.Request) (*http.Request, error) {
	next := r.Clone(ctx)
	if r.Body == nil || r.Body == http.NoBody {
		return next, nil
	}
	if r.GetBody == nil {
		return nil, fmt.Errorf("%s %s: its body cannot be sent again", r.Method, r.URL.Redacted())
	}
	body, err := r.GetBody()
	next.Body = body
	return next, err
}
