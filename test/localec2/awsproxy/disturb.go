package awsproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// pass takes a request over the network, if there is one, to the endpoint.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, request Request) {
	if p.network == nil {
		p.deliver(w, r, &request)
		return
	}
	fate := p.network.enter(request)
	defer p.network.more(-1)
	if fate.fault != repeated { // there the second one is the fault
		request.Fault = string(fate.fault)
	}
	if fate.delay > 0 {
		r = lasting(r, request)
		request.Delayed = fate.delay
		time.Sleep(fate.delay)
	}
	switch fate.fault {
	case throttled:
		request.Status, request.Code = throttling.answer(w, r, request)
		p.add(request)
	case cutBefore:
		p.add(request)
		cut(w)
	case cutAfter:
		p.deliver(discard{}, lasting(r, request), &request)
		cut(w)
	case repeated:
		again, err := copyOf(r)
		if err != nil {
			return // the instance went away while it asked
		}
		p.network.more(1)
		time.AfterFunc(fate.again, func() {
			defer p.network.more(-1)
			second := request
			second.At, second.Fault = time.Now(), string(repeated)
			p.deliver(discard{}, again, &second)
		})
		first := request
		p.deliver(w, r, &first)
	default:
		p.deliver(w, r, &request)
	}
}

// lasting makes a request that is delivered even if nobody waits for it any more. A long poll is not: it would take
// messages for the dead for as long as it lasts.
func lasting(r *http.Request, request Request) *http.Request {
	if request.Operation == "ReceiveMessage" {
		return r
	}
	return r.WithContext(context.WithoutCancel(r.Context()))
}

// copyOf copies a request with its body.
func copyOf(r *http.Request) (*http.Request, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	again := r.Clone(context.Background())
	r.Body, again.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	return again, nil
}

// cut resets a connection.
func cut(w http.ResponseWriter) {
	if hijacker, ok := w.(http.Hijacker); ok {
		if conn, _, err := hijacker.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, not an orderly end
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// discard is the connection of a client that does not listen.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
