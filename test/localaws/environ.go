package localaws

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
)

// Endpoint is the server's URL for AWS SDKs that address buckets by path when the host is an IP
// address (Go's does).
func (s *Server) Endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", s.Port) }

// nodeEndpoint is the server's URL for the CDK CLI, which addresses buckets as subdomains of localhost.
func (s *Server) nodeEndpoint() string { return fmt.Sprintf("http://localhost:%d", s.Port) }

// accessKey is a dummy, of this endpoint alone: the CDK CLI remembers account ids by access key.
func (s *Server) accessKey() string { return fmt.Sprintf("AKIALOCAL%05d", s.Port) }

const secretKey = "local"

// Environ are the variables that point an AWS SDK or a worker command at this server and nowhere
// else: no profile, no credentials file and no instance metadata service of the machine's is read.
func (s *Server) Environ() []string { return s.environ(s.Endpoint()) }

// CDKEnviron is [Server.Environ] for the CDK CLI, which keeps its own cache in the server's folder.
func (s *Server) CDKEnviron() []string {
	return append(s.environ(s.nodeEndpoint()),
		"AWS_ENDPOINT_URL_S3="+s.nodeEndpoint(),
		"CDK_HOME="+filepath.Join(s.dir, "cdk"),
		"CDK_DEFAULT_ACCOUNT="+Account,
		"CDK_DEFAULT_REGION="+Region,
		"CDK_DISABLE_CLI_TELEMETRY=1",
	)
}

func (s *Server) environ(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ACCESS_KEY_ID=" + s.accessKey(),
		"AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_REGION=" + Region,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// AWSConfig is an SDK configuration for this server; it reads nothing of the user's, and its fields may
// be changed before a client is made of it.
func (s *Server) AWSConfig(ctx context.Context) (aws.Config, error) {
	return Config(ctx, s.Endpoint(), s.accessKey())
}

// Config is the same for any endpoint of which this machine is the only client.
func Config(ctx context.Context, endpoint, accessKey string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(Region),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
		config.WithSharedConfigFiles(nil),
		config.WithSharedCredentialsFiles(nil),
	)
	cfg.ConfigSources = nil // an endpoint in the user's environment would win over the field
	cfg.BaseEndpoint = &endpoint
	cfg.HTTPClient = awsaccess.Client(cfg.HTTPClient)
	return cfg, err
}
