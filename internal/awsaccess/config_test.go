package awsaccess_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
)

// TestMissingCredentialsSayWhy: what the SDK knows reaches the person, and its network errors are not taken for an
// endpoint that is away.
func TestMissingCredentialsSayWhy(t *testing.T) {
	for name, known := range map[string]error{
		"session": errors.New("the SSO session has expired or is invalid"),
		"network": &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("169.254.169.254 unreachable")},
		"waited":  context.DeadlineExceeded,
	} {
		provider := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, known })
		err := awsaccess.HasCredentials(t.Context(), aws.Config{Credentials: provider})
		if !errors.Is(err, awsaccess.ErrNoCredentials) || !errors.Is(err, known) {
			t.Fatalf("%s: %v", name, err)
		}
		if text := awsaccess.Explain(err); !strings.HasPrefix(text, "no AWS credentials: set AWS_PROFILE") || !strings.Contains(text, known.Error()) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
