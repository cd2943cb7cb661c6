package metrics

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Requests counts what the clients made of one configuration ask of AWS: each try of the SDK is a request.
type Requests struct {
	mu    sync.RWMutex
	tries map[try]*tally
}

// try is a kind of request by how it was answered.
type try struct {
	service, operation string
	status             int // of HTTP; 0: no answer
}

type tally struct{ requests, throttled, nanoseconds atomic.Int64 }

// CountRequests counts the requests of the clients that are made of cfg from now on.
func CountRequests(cfg *aws.Config) *Requests {
	r := &Requests{tries: map[try]*tally{}}
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(r, middleware.Before) // within the retries, and after the error was read
	})
	return r
}

// ID names the middleware.
func (*Requests) ID() string { return "CountRequests" }

// HandleDeserialize counts one try.
func (r *Requests) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	begin := time.Now()
	out, metadata, err := next.HandleDeserialize(ctx, in)
	t := try{service: awsmiddleware.GetServiceID(ctx), operation: awsmiddleware.GetOperationName(ctx)}
	if response, ok := out.RawResponse.(*smithyhttp.Response); ok && response.Response != nil {
		t.status = response.StatusCode
	}
	counted := r.of(t)
	counted.requests.Add(1)
	counted.nanoseconds.Add(int64(time.Since(begin)))
	if err != nil && throttles.IsErrorThrottle(err) == aws.TrueTernary {
		counted.throttled.Add(1)
	}
	return out, metadata, err
}

// throttles are the errors by which AWS says that it is asked too often.
var throttles = retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}

// of is the tally of a kind of request: there are a few dozen, which are soon all known.
func (r *Requests) of(t try) *tally {
	r.mu.RLock()
	counted := r.tries[t]
	r.mu.RUnlock()
	if counted != nil {
		return counted
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries[t] == nil {
		r.tries[t] = &tally{}
	}
	return r.tries[t]
}

// Families are the requests by service, operation and status.
func (r *Requests) Families() []Family {
	family := func(name, help string, value func(*tally) float64) Family {
		return Family{Name: name, Kind: Counter, Help: help, Labels: []string{"service", "operation", "status"}, Read: func(add Add) {
			r.each(func(t try, counted *tally) { add(value(counted), t.service, t.operation, strconv.Itoa(t.status)) })
		}}
	}
	return []Family{
		family("worker_aws_requests_total", "Requests to AWS, each try by itself, by the status of the answer; 0: there was none, or a drain cut the wait for it.", func(counted *tally) float64 { return float64(counted.requests.Load()) }),
		family("worker_aws_throttled_total", "Of those, requests that AWS refused because it was asked too often.", func(counted *tally) float64 { return float64(counted.throttled.Load()) }),
		family("worker_aws_request_seconds_total", "Time that those took; a receive waits for messages for up to 20 s.", func(counted *tally) float64 { return time.Duration(counted.nanoseconds.Load()).Seconds() }),
	}
}

// each calls do for each kind of request, sorted.
func (r *Requests) each(do func(try, *tally)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	kinds := make([]try, 0, len(r.tries))
	for t := range r.tries {
		kinds = append(kinds, t)
	}
	slices.SortFunc(kinds, func(a, b try) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.operation, b.operation), cmp.Compare(a.status, b.status))
	})
	for _, t := range kinds {
		do(t, r.tries[t])
	}
}
