package awsaccess_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
)

// late looks for more of a request's body after it was closed, as Go's client does where an answer came first.
type late struct{ after error }

func (l *late) Do(r *http.Request) (*http.Response, error) {
	_, read := io.Copy(io.Discard, r.Body)
	closed := r.Body.Close()
	_, probed := io.Copy(io.Discard, r.Body)
	l.after = errors.Join(read, closed, probed)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// TestBodyEndsAsReadersDo: a body that says EOF as an error has Go's client close the connection under the answer.
func TestBodyEndsAsReadersDo(t *testing.T) {
	wire := &late{}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: awsaccess.Client(wire),
	})
	if _, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{Limit: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if wire.after != nil {
		t.Errorf("after its end the body says %v, want nothing more and no error", wire.after)
	}
}

// TestConfigHasAClient: without a bundle of certificates the SDK leaves the client to each service.
func TestConfigHasAClient(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_REGION", "us-east-1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer server.Close()
	cfg, err := awsaccess.ConfigWithRegion(t.Context(), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("a", "b", "")))
	if err != nil {
		t.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &server.URL })
	if _, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Error(err)
	}
}
