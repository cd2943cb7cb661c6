// Package meter counts what a process asks of AWS, and what that costs in DynamoDB's units: the same way for
// the worker and for its peers, whatever SDK they use.
package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// Request is one answered request.
type Request struct {
	At        time.Time
	Took      time.Duration
	Service   string // "sqs", "dynamodb" or ""
	Operation string
	Key       string // primary key of the item, of requests about one
	Reads     float64
	Writes    float64
	Status    int
}

// Meter is a process's way to the local AWS.
type Meter struct {
	*awsproxy.Between

	mu       sync.Mutex
	requests []Request
}

// Start serves on a free port of the loopback interface, in front of endpoint.
func Start(endpoint string) (*Meter, error) {
	m := &Meter{}
	var err error
	m.Between, err = awsproxy.StartBetween(endpoint, func(_ http.ResponseWriter, r *http.Request) bool {
		asked, err := ask(r)
		*r = *r.WithContext(context.WithValue(r.Context(), askedKey{}, asked))
		return err != nil
	}, m.record)
	return m, err
}

// Requests are those answered so far that match, in the order of their answers.
func (m *Meter) Requests(match func(Request) bool) []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Request
	for _, r := range m.requests {
		if match(r) {
			found = append(found, r)
		}
	}
	return found
}

// askedKey is where a request's context holds what was asked.
type askedKey struct{}

type request struct {
	Request
	body []byte
}

// ask reads what r asks, and has DynamoDB say what it costs. Nobody checks the signature here.
func ask(r *http.Request) (request, error) {
	asked := request{Request: Request{At: time.Now()}}
	prefix, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !ok {
		return asked, nil // CloudWatch and S3: not counted by operation
	}
	asked.Operation = operation
	if prefix == "AmazonSQS" {
		asked.Service = "sqs"
		return asked, nil
	}
	asked.Service = "dynamodb"
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return asked, err
	}
	asked.body = body
	if bytes.HasPrefix(body, []byte("{\"")) {
		body = append([]byte(`{"ReturnConsumedCapacity":"TOTAL",`), body[1:]...)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return asked, nil
}

// record notes an answer.
func (m *Meter) record(answer *http.Response) error {
	asked, _ := answer.Request.Context().Value(askedKey{}).(request)
	r := asked.Request
	r.Took, r.Status = time.Since(r.At), answer.StatusCode
	if r.Service == "dynamodb" {
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		r.Reads, r.Writes = cost(r.Operation, r.Status, asked.body, body)
		r.Key = keyOf(asked.body)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests = append(m.requests, r)
	return nil
}

// keyOf is the primary key, of one string, that a request names.
func keyOf(body []byte) (key string) {
	var q asked
	if json.Unmarshal(body, &q) != nil {
		return ""
	}
	for _, typed := range q.Key {
		_ = json.Unmarshal(typed["S"], &key) // "" where it is no string
	}
	return key
}
