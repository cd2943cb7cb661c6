// Package awsaccess loads the configuration of the AWS SDK, and says in one sentence what is wrong with it or with a call to AWS.
package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// credentialsTimeout bounds the search for credentials. Off EC2 the last place to look at never answers.
const credentialsTimeout = 10 * time.Second

// ErrNoCredentials is returned where the SDK finds no credentials.
var ErrNoCredentials = errors.New("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run on an instance with a role")

// Config is the SDK's default configuration with a Region and with credentials, for a command. It drops the SDK's own
// warnings: they are about tries that the SDK repeats, and the command reports a call that fails in the end.
func Config(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	cfg, err := ConfigWithRegion(ctx, options...)
	if err != nil {
		return cfg, err
	}
	cfg.Logger = logging.Nop{}
	return cfg, HasCredentials(ctx, cfg)
}

// ConfigWithRegion is the SDK's default configuration with a Region. Its credentials may be missing.
func ConfigWithRegion(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("no AWS Region: set AWS_REGION, or a region in the AWS profile")
	}
	cfg.HTTPClient = Client(cfg.HTTPClient)
	return cfg, nil
}

// HasCredentials returns an [ErrNoCredentials] where the SDK finds none, with the SDK's own account: a session that is over,
// a profile that does not exist, an instance without a role.
func HasCredentials(ctx context.Context, cfg aws.Config) error {
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("%w (%w)", ErrNoCredentials, err)
	}
	return nil
}
