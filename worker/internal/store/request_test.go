package store_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/worker-tier/worker-tier/worker/internal/store"
)

// requests are what a table is asked, by operation.
func requests(t *testing.T, ask func(s *store.Dynamo)) map[string]map[string]any {
	t.Helper()
	seen := map[string]map[string]any{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		var request map[string]any
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		seen[operation] = request
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	ask(store.NewDynamo(dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), Retryer: aws.NopRetryer{},
	}), "jobs"))
	return seen
}

// TestReadsAfterARefusalAreConsistent: they decide whether a lost answer was a success. No emulator has replicas that lag,
// so that only the request shows it.
func TestReadsAfterARefusalAreConsistent(t *testing.T) {
	seen := requests(t, func(s *store.Dynamo) {
		if _, err := s.Get(t.Context(), key.String()); err != nil {
			t.Error(err)
		}
	})
	if seen["GetItem"]["ConsistentRead"] != true {
		t.Errorf("asked for %v, want a consistent read", seen["GetItem"])
	}
}

// TestSweepsReadAtHalfThePrice: what a sweep sees a moment late it sees with the next one, and its writes are
// conditional.
func TestSweepsReadAtHalfThePrice(t *testing.T) {
	seen := requests(t, func(s *store.Dynamo) {
		_, _ = s.BatchGet(t.Context(), []string{key.String()}) // an empty answer
	})
	tables, _ := seen["BatchGetItem"]["RequestItems"].(map[string]any)
	request, _ := tables["jobs"].(map[string]any)
	if request["Keys"] == nil || request["ConsistentRead"] == true {
		t.Errorf("asked for %v", request)
	}
}
