package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/store"

	"github.com/worker-tier/worker-tier/worker/internal/systemd"
)

// ask reads an item from a table whose endpoint gives one answer.
func ask(t *testing.T, answer http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	table := store.NewDynamo(dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: aws.NopRetryer{},
	}), "jobs")
	_, err := table.Get(t.Context(), "mail#one")
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
			if err == nil || lasting(err) != c.lasting {
				t.Errorf("lasting %t, want %t: %v", lasting(err), c.lasting, err)
			}
		})
	}
}

func TestAwait(t *testing.T) {
	away := errors.New("away")
	nobody := service{manager: &systemd.Manager{}, log: slog.New(slog.DiscardHandler), random: backofftest.Longest()}
	t.Run("an hour's outage costs a try each half minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin, tries := time.Now(), 0
			err := await(t.Context(), nobody, "table", func(context.Context) error {
				tries++
				if time.Since(begin) < time.Hour {
					return away
				}
				return nil
			}, func(error) bool { return false })
			if err != nil || tries < 100 || tries > 130 {
				t.Errorf("error %v after %d tries", err, tries)
			}
		})
	})
	t.Run("a drain ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			begin := time.Now()
			err := await(ctx, nobody, "table", func(context.Context) error { return away }, func(error) bool { return false })
			if took := time.Since(begin); err != nil || took != 10*time.Second {
				t.Errorf("error %v after %s", err, took)
			}
		})
	})
	t.Run("what lasts is an error at once", func(t *testing.T) {
		if err := await(t.Context(), nobody, "table", func(context.Context) error { return away }, func(error) bool { return true }); !errors.Is(err, away) {
			t.Errorf("error %v", err)
		}
	})
}
