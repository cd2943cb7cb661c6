package secrets

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// callTime bounds one call with its retries.
const callTime = time.Minute

// FromAWS reads secrets from Secrets Manager, and from SSM those whose names begin with [contract.ParameterSecret].
func FromAWS(config func() (aws.Config, error)) Source {
	return func(ctx context.Context, name string) (string, error) {
		cfg, err := config()
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		if path, ok := strings.CutPrefix(name, contract.ParameterSecret); ok {
			out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &path, WithDecryption: aws.Bool(true)})
			if err != nil {
				return "", err
			}
			return aws.ToString(out.Parameter.Value), nil
		}
		out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		if err != nil {
			return "", err
		}
		if out.SecretString == nil {
			return string(out.SecretBinary), nil
		}
		return *out.SecretString, nil
	}
}
