package awsproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
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
		request.Status, request.Code = throttle(w, r, request)
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

// throttle answers as a service does that is asked too much, in the protocol of the request.
//
//   - https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
//   - https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func throttle(w http.ResponseWriter, r *http.Request, request Request) (status int, code string) {
	status, code = http.StatusBadRequest, "ThrottlingException"
	contentType := r.Header.Get("Content-Type")
	var body []byte
	switch {
	case request.Service == "s3":
		status, code = http.StatusServiceUnavailable, "SlowDown"
		contentType = "application/xml"
		body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>Please reduce your request rate.</Message></Error>`, code)
	case strings.Contains(contentType, "cbor"):
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		body = cbor.Encode(cbor.Map{"__type": cbor.String(code), "message": cbor.String("Rate exceeded")})
	case r.Header.Get("X-Amz-Target") != "":
		shape := "com.amazon.coral.availability#" + code
		if request.Service == "dynamodb" {
			code = "ProvisionedThroughputExceededException"
			shape = "com.amazonaws.dynamodb.v20120810#" + code
		}
		body, _ = json.Marshal(map[string]string{"__type": shape, "message": "Rate exceeded"})
	default:
		code = "Throttling"
		contentType = "text/xml"
		body = fmt.Appendf(nil, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`, code)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
	return status, code
}
