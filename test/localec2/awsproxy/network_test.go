package awsproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// endpoint is an AWS that accepts everything and notes the bodies it gets.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	busy    int
	overlap bool // two requests were here at once
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.bodies = append(e.bodies, string(body))
		e.busy++
		e.overlap = e.overlap || e.busy > 1
		e.mu.Unlock()
		time.Sleep(time.Millisecond)
		e.mu.Lock()
		e.busy--
		e.mu.Unlock()
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) got() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.bodies)
}

// disturbed returns a proxy in front of e with these faults and a configuration that goes through it, without
// the SDK's own tries.
func disturbed(t *testing.T, e *endpoint, f Faults) (*Proxy, *Network, aws.Config) {
	t.Helper()
	n := NewNetwork(f)
	p, cfg := join(t, e, n)
	return p, n, cfg
}

func join(t *testing.T, e *endpoint, n *Network) (*Proxy, aws.Config) {
	t.Helper()
	p, err := Start(e.URL, io.Discard, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, aws.Config{
		Region: "us-east-1", BaseEndpoint: &p.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
	}
}

func heartbeat(ctx context.Context, cfg aws.Config, id string) error {
	_, err := dynamodb.NewFromConfig(cfg).UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: new("jobs"), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: id}},
	})
	return err
}

func everything(Request) bool { return true }

// refused makes a call in each protocol, and checks the error that the SDK takes from the answer. It returns how many calls those are.
func refused(t *testing.T, cfg aws.Config, dynamo, json, s3Code, cbor, query string) int {
	t.Helper()
	calls := []struct {
		service, code string
		call          func(context.Context) error
	}{
		{"dynamodb", dynamo, func(ctx context.Context) error { return heartbeat(ctx, cfg, "mail#1") }},
		{"sqs", json, func(ctx context.Context) error {
			_, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: new("q"), MessageBody: new("m")})
			return err
		}},
		{"s3", s3Code, func(ctx context.Context) error {
			_, err := s3.NewFromConfig(cfg).PutObject(ctx, &s3.PutObjectInput{Bucket: new("b"), Key: new("k"), Body: strings.NewReader("x")})
			return err
		}},
		{"monitoring", cbor, func(ctx context.Context) error {
			_, err := cloudwatch.NewFromConfig(cfg).ListMetrics(ctx, nil)
			return err
		}},
		{"autoscaling", query, func(ctx context.Context) error {
			_, err := autoscaling.NewFromConfig(cfg).DescribeAutoScalingGroups(ctx, nil)
			return err
		}},
	}
	for _, c := range calls {
		err := c.call(t.Context())
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok || api.ErrorCode() != c.code {
			t.Errorf("%s: %v, want the API's error %s", c.service, err, c.code)
		}
	}
	return len(calls)
}

func TestThrottlingIsWhatTheSDKTakesItFor(t *testing.T) {
	e := newEndpoint(t)
	p, n, cfg := disturbed(t, e, Faults{Throttle: 1})
	calls := refused(t, cfg, "ProvisionedThroughputExceededException", "ThrottlingException", "SlowDown", "ThrottlingException", "Throttling")
	recorded := p.Requests(func(r Request) bool { return r.Fault == "throttled" && r.Code != "" && r.Order == 0 })
	if len(recorded) != calls || len(e.got()) != 0 {
		t.Errorf("%d requests recorded as throttled and %d delivered, want %d and 0", len(recorded), len(e.got()), calls)
	}
	if diff := cmp.Diff(map[string]int{"throttled": calls}, n.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestExpiredCredentialsAreWhatTheSDKTakesThemFor(t *testing.T) {
	e := newEndpoint(t)
	p, _, cfg := disturbed(t, e, Faults{})
	p.Expire(true)
	refused(t, cfg, "ExpiredTokenException", "ExpiredTokenException", "ExpiredToken", "ExpiredTokenException", "ExpiredToken")
	if n := len(e.got()); n != 0 {
		t.Errorf("%d requests were delivered", n)
	}
	p.Expire(false)
	if err := heartbeat(t.Context(), cfg, "mail#1"); err != nil || len(e.got()) != 1 {
		t.Errorf("with new credentials: %v", err)
	}
}

func TestCutsAreBeforeOrAfterDelivery(t *testing.T) {
	for _, c := range []struct {
		name      string
		faults    Faults
		delivered int
		want      Request
	}{
		{"before", Faults{CutBefore: 1}, 0, Request{Fault: "cut before"}},
		{"after", Faults{CutAfter: 1}, 1, Request{Fault: "cut after", Order: 1, Status: http.StatusOK, Answer: []byte("{}")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEndpoint(t)
			p, n, cfg := disturbed(t, e, c.faults)
			if err := heartbeat(t.Context(), cfg, "mail#1"); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a connection reset", err)
			}
			n.Settle()
			r := p.Requests(everything)[0]
			if diff := cmp.Diff(c.want, Request{Fault: r.Fault, Order: r.Order, Status: r.Status, Answer: r.Answer}); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if got := len(e.got()); got != c.delivered {
				t.Errorf("delivered %d times, want %d", got, c.delivered)
			}
		})
	}
}

func TestRepeatedRequestArrivesTwice(t *testing.T) {
	e := newEndpoint(t)
	p, n, cfg := disturbed(t, e, Faults{Repeat: 1, DelayMost: 10 * time.Millisecond})
	if err := heartbeat(t.Context(), cfg, "mail#1"); err != nil {
		t.Fatal(err)
	}
	localaws.Call(t, s3.NewFromConfig(cfg).PutObject, &s3.PutObjectInput{Bucket: new("b"), Key: new("k"), Body: strings.NewReader("content")})
	n.Settle()
	bodies := e.got()
	slices.Sort(bodies)
	if len(bodies) != 4 || bodies[0] != bodies[1] || bodies[2] != bodies[3] {
		t.Errorf("bodies %q, want each twice", bodies)
	}
	if again := p.Requests(func(r Request) bool { return r.Fault == "repeated" }); len(again) != 2 {
		t.Errorf("%d requests recorded as repeated, want 2", len(again))
	}
}

func TestDelayedWriteIsDeliveredThoughNobodyWaits(t *testing.T) {
	e := newEndpoint(t)
	p, n, cfg := disturbed(t, e, Faults{Delay: 1, DelayMost: time.Second})
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for n.Counts()["delayed"] < 5 { // a delay may be shorter than a millisecond
		_ = heartbeat(impatient, cfg, "mail#1")
		impatient, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
	}
	p.Close() // the instance is gone
	n.Settle()
	if got, want := len(e.got()), n.Counts()["delayed"]; got != want {
		t.Errorf("%d writes delivered, want %d", got, want)
	}
}

func TestWritesOfAllProxiesHaveOneOrder(t *testing.T) {
	e := newEndpoint(t)
	n := NewNetwork(Faults{})
	one, cfgOne := join(t, e, n)
	two, cfgTwo := join(t, e, n)
	var writers sync.WaitGroup
	for i := range 20 {
		for _, cfg := range []aws.Config{cfgOne, cfgTwo} {
			writers.Go(func() {
				if err := heartbeat(t.Context(), cfg, fmt.Sprintf("mail#%d", i)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	writers.Wait()
	if e.overlap {
		t.Error("two writes were at the endpoint at once")
	}
	recorded := append(one.Requests(everything), two.Requests(everything)...)
	slices.SortFunc(recorded, func(a, b Request) int { return int(a.Order - b.Order) })
	arrived := e.got()
	for i, r := range recorded {
		if r.Order != int64(i+1) || string(r.Body) != arrived[i] {
			t.Fatalf("write %d has order %d and body %s, the endpoint got %s", i, r.Order, r.Body, arrived[i])
		}
	}
	if len(recorded) != 40 {
		t.Errorf("%d writes recorded, want 40", len(recorded))
	}
}

func TestWhatTheEndpointDoesNotAnswerIsNotAnswered(t *testing.T) {
	e := newEndpoint(t)
	p, _, cfg := disturbed(t, e, Faults{})
	e.Close()
	err := heartbeat(t.Context(), cfg, "mail#1")
	if _, answered := errors.AsType[smithy.APIError](err); err == nil || answered {
		t.Errorf("error %v, want one of the connection", err)
	}
	if r := p.Requests(everything)[0]; r.Status != 0 || r.Order == 0 {
		t.Errorf("recorded with status %d and order %d, want no status: it may have been applied", r.Status, r.Order)
	}
}

func TestCalmEndsFaultsAndASeedRepeatsThem(t *testing.T) {
	draw := func(seed uint64) (out []fate) {
		n := NewNetwork(Faults{Seed: seed, Throttle: 0.1, CutBefore: 0.1, CutAfter: 0.1, Repeat: 0.1, Delay: 0.5, DelayMost: time.Second})
		for i := range 200 {
			if i == 100 {
				n.Calm()
			}
			out = append(out, n.enter(Request{}))
		}
		return out
	}
	drawn := draw(7)
	for i, f := range drawn[100:] {
		if f != (fate{}) {
			t.Errorf("request %d after Calm meets %+v", i, f)
		}
	}
	met := map[fault]int{}
	for _, f := range drawn {
		met[f.fault]++
	}
	if len(met) != 5 {
		t.Errorf("met %v, want every fault", met)
	}
	same := cmp.AllowUnexported(fate{})
	if diff := cmp.Diff(drawn, draw(7), same); diff != "" {
		t.Errorf("the same seed again (-first +second):\n%s", diff)
	}
	if cmp.Equal(drawn, draw(8), same) {
		t.Error("another seed meets the same")
	}
}
