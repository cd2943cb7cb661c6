package awsproxy

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// Between is a server in front of another, on a free port of the loopback interface.
type Between struct {
	URL string // for example for AWS_ENDPOINT_URL

	server *http.Server
	served chan struct{}
}

// quiet takes what a server says of who was killed in mid request, which is no news.
var quiet = log.New(io.Discard, "", 0)

// StartBetween serves in front of endpoint: answer answers a request or says that it does not, and then change may change the
// endpoint's answer. Either may be nil.
func StartBetween(endpoint string, answer func(http.ResponseWriter, *http.Request) bool, change func(*http.Response) error) (*Between, error) {
	pass, err := passOn(endpoint)
	if err != nil {
		return nil, err
	}
	pass.ModifyResponse = change
	return serve(func(w http.ResponseWriter, r *http.Request) {
		if answer == nil || !answer(w, r) {
			pass.ServeHTTP(w, r)
		}
	})
}

// passOn passes requests on to endpoint as they are.
func passOn(endpoint string) (*httputil.ReverseProxy, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", endpoint, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // what passes is what the two sides say
	transport.MaxIdleConnsPerHost = 64
	return &httputil.ReverseProxy{Transport: transport, ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}, nil
}

func serve(handler http.HandlerFunc) (*Between, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	b := &Between{URL: "http://" + l.Addr().String(), server: &http.Server{Handler: handler, ErrorLog: quiet}, served: make(chan struct{})}
	go func() {
		defer close(b.served)
		_ = b.server.Serve(l) // ends with Close
	}()
	return b, nil
}

// Close cuts all connections.
func (b *Between) Close() {
	_ = b.server.Close()
	<-b.served
}
