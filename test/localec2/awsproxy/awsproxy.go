// Package awsproxy stands between one local instance and the local AWS: it records every request with
// its answer, can hold a request back and deliver it later, and disturbs requests as networks and
// busy services do.
package awsproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// Proxy is one instance's way to AWS.
type Proxy struct {
	*Between

	network *Network // nil: undisturbed
	reverse *httputil.ReverseProxy
	ctx     context.Context //nolint:containedctx // the life of the proxy, which its requests share
	close   context.CancelFunc

	mu       sync.Mutex
	journal  io.Writer
	requests []Request
	hold     *Hold // nil: nothing is to be held
	expired  bool  // the credentials of all requests
}

// Start serves on a free port of the loopback interface, in front of endpoint. Every answered request
// is also written to journal as one line of JSON. A network may be shared with other proxies, and has writes ask for the
// item after them, for who judges them; nil: requests pass undisturbed, unchanged and in no order.
func Start(endpoint string, journal io.Writer, network *Network) (*Proxy, error) {
	p := &Proxy{journal: journal, network: network}
	p.ctx, p.close = context.WithCancel(context.Background())
	var err error
	if p.reverse, err = passOn(endpoint); err != nil {
		return nil, err
	}
	// What the endpoint does not answer is not answered: deliver ends the connection.
	p.reverse.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {}
	if p.Between, err = serve(p.serve); err != nil {
		return nil, err
	}
	return p, nil
}

// Close cuts all connections. What is held is dropped.
func (p *Proxy) Close() {
	p.close()
	p.Between.Close()
}

// Requests are the answered requests that match, oldest first.
func (p *Proxy) Requests(match func(Request) bool) []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []Request
	for _, r := range p.requests {
		if match(r) {
			found = append(found, r)
		}
	}
	return found
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	request, err := describe(r)
	if err != nil {
		return // the instance went away while it asked
	}
	if p.network != nil {
		request.askForItem(r)
	}
	if p.hasExpired() {
		request.Status, request.Code = expired.answer(w, r, request)
		p.add(request)
		return
	}
	hold := p.holds(request)
	if hold == nil {
		p.pass(w, r, request)
		return
	}
	request.Held = true
	if hold.wait(p.ctx) {
		defer func() { hold.answered(request) }()
		p.deliver(w, r.WithContext(context.WithoutCancel(r.Context())), &request) // even if nobody waits for it any more
	}
}

// deliver brings a request to the endpoint and its answer to w, and records both. Writes to tables go one
// at a time where there is a network, and are waited for whatever becomes of who sent them.
func (p *Proxy) deliver(w http.ResponseWriter, r *http.Request, request *Request) {
	answer := &answer{ResponseWriter: w, keep: request.writesTable()}
	ordered := p.network != nil && request.writesTable()
	if ordered {
		r = r.WithContext(context.WithoutCancel(r.Context()))
		p.network.applying.Lock()
	}
	defer func() { // the reverse proxy panics when the instance goes away in mid answer
		request.Took = time.Since(request.At)
		request.Status, request.Code = answer.status, answer.code()
		if ordered {
			p.network.order++
			request.Order, request.Answer = p.network.order, answer.text.Bytes()
			p.network.applying.Unlock()
		}
		p.add(*request)
	}()
	p.reverse.ServeHTTP(answer, r)
	if answer.status == 0 && r.Context().Value(http.ServerContextKey) != nil {
		panic(http.ErrAbortHandler)
	}
}

func (p *Proxy) add(r Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r)
	line, _ := json.Marshal(r)                 // plain fields only
	_, _ = p.journal.Write(append(line, '\n')) // the journal is for people; the record above is complete
}

// Expire has all requests refused, as AWS refuses credentials that have expired, or lets them pass again.
func (p *Proxy) Expire(expired bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expired = expired
}

func (p *Proxy) hasExpired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.expired
}

// Hold holds back the next request that matches.
func (p *Proxy) Hold(match func(Request) bool) *Hold {
	h := &Hold{match: match, arrived: make(chan struct{}), release: make(chan struct{}), result: make(chan Request, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = h
	return h
}

// holds takes the hold that r is for, if any.
func (p *Proxy) holds(r Request) *Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hold == nil || !p.hold.match(r) {
		return nil
	}
	h := p.hold
	p.hold = nil
	close(h.arrived)
	return h
}

// Hold is a request held back.
type Hold struct {
	match   func(Request) bool
	arrived chan struct{}
	release chan struct{}
	result  chan Request
}

// Arrived is closed once a request is held.
func (h *Hold) Arrived() <-chan struct{} { return h.arrived }

// Release delivers the held request, now, and returns it with the answer it got.
func (h *Hold) Release(ctx context.Context) (Request, error) {
	close(h.release)
	select {
	case r := <-h.result:
		return r, nil
	case <-ctx.Done():
		return Request{}, fmt.Errorf("held request: %w", context.Cause(ctx))
	}
}

// wait returns false if the proxy is closed first.
func (h *Hold) wait(ctx context.Context) bool {
	select {
	case <-h.release:
		return true
	case <-ctx.Done():
		return false
	}
}

func (h *Hold) answered(r Request) { h.result <- r }
