package awsaccess_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// ask reads an item from a table whose endpoint gives one answer.
func ask(t *testing.T, answer http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	table := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: aws.NopRetryer{},
	})
	_, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("jobs"), Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: "mail#one"}},
	})
	return err
}

func refusal(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+code+`","message":"said the table"}`)
	}
}

// What waiting cannot mend ends a starting worker; all else it sits out.
func TestWhatIsWorthWaitingFor(t *testing.T) {
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		lasting bool
	}{
		"no table":             {refusal(400, "ResourceNotFoundException"), true},
		"access denied":        {refusal(400, "AccessDeniedException"), true},
		"unknown access key":   {refusal(400, "UnrecognizedClientException"), true},
		"wrong secret":         {refusal(400, "InvalidSignatureException"), true},
		"session over":         {refusal(400, "ExpiredTokenException"), true},
		"not a table of jobs":  {refusal(400, "ValidationException"), true},
		"throttled":            {refusal(400, "ThrottlingException"), false},
		"throughput exceeded":  {refusal(400, "ProvisionedThroughputExceededException"), false},
		"request limit":        {refusal(400, "RequestLimitExceeded"), false},
		"server error":         {refusal(500, "InternalServerError"), false},
		"service unavailable":  {refusal(503, "ServiceUnavailable"), false},
		"not AWS that answers": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, false},
		"cut":                  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(t, c.answer)
			if err == nil || awsaccess.Lasting(err) != c.lasting {
				t.Errorf("lasting %t, want %t: %v", awsaccess.Lasting(err), c.lasting, err)
			}
		})
	}
}
