package metrics_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// configOf is a configuration whose clients ask handler.
func configOf(t testing.TB, handler http.HandlerFunc) aws.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

func key() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}}
}

// samples are the values of all but those that measure time, by series.
func samples(families []metrics.Family) map[string]float64 {
	values := map[string]float64{}
	for _, f := range families {
		if strings.Contains(f.Name, "seconds") {
			continue
		}
		f.Read(func(value float64, labels ...string) {
			if value > 0 {
				values[strings.Join(append([]string{f.Name}, labels...), " ")] = value
			}
		})
	}
	return values
}

// Each try is a request: one that is throttled and tried again makes two.
func TestRequestsAreCountedByTheirAnswer(t *testing.T) {
	var n atomic.Int64
	cfg := configOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch n.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`)
		case 2:
			_, _ = io.WriteString(w, `{}`)
		case 3:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}`)
		default:
			panic(http.ErrAbortHandler) // cuts the connection
		}
	})
	requests := metrics.CountRequests(&cfg)
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.RetryMaxAttempts = 2 })
	table := "jobs"
	_, _ = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key()})
	_, _ = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key()})
	_, _ = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key()})
	want := map[string]float64{
		"worker_aws_requests_total DynamoDB GetItem 400":    1,
		"worker_aws_throttled_total DynamoDB GetItem 400":   1,
		"worker_aws_requests_total DynamoDB GetItem 200":    1,
		"worker_aws_requests_total DynamoDB UpdateItem 400": 1,
		"worker_aws_requests_total DynamoDB GetItem 0":      2,
	}
	if diff := cmp.Diff(want, samples(requests.Families())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// What happens to each job must cost next to nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	m := metrics.NewMeter(2, func() (d time.Duration) { return d })
	if n := testing.AllocsPerRun(100, func() {
		m.Received.Add(1)
		m.Claimed(job.Job{Epoch: 2})
		m.Add(1)
		m.Add(-1)
		m.Ended(lease.Done)
	}); n != 0 {
		t.Errorf("a job makes %v allocations", n)
	}
}

// What AWS answers is what its client would spend without the count; the difference of both is what counting costs.
func BenchmarkRequest(b *testing.B) {
	for _, counted := range []bool{false, true} {
		b.Run(map[bool]string{false: "uncounted", true: "counted"}[counted], func(b *testing.B) {
			cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: answers{}}
			if counted {
				metrics.CountRequests(&cfg)
			}
			client, table := dynamodb.NewFromConfig(cfg), "jobs"
			in := &dynamodb.GetItemInput{TableName: &table, Key: key()}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.GetItem(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// answers is AWS without a network.
type answers struct{}

func (answers) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}
