package processortest

import (
	"context"
	"fmt"

	"github.com/worker-tier/worker-tier/worker/processor"
)

// Secrets are the secrets of a test, by the name that the job uses, "name" or "name#key".
type Secrets map[string]string

var _ processor.Secrets = Secrets(nil)

// Secret is the secret of that name.
func (s Secrets) Secret(_ context.Context, name string) (processor.Secret, error) {
	value, ok := s[name]
	if !ok {
		return processor.Secret{}, fmt.Errorf("secret %s: the test has none of that name", name)
	}
	return processor.NewSecret(value), nil
}

// Renew is Secret, and an error if the secret is still the one that was refused.
func (s Secrets) Renew(ctx context.Context, name string, refused processor.Secret) (processor.Secret, error) {
	now, err := s.Secret(ctx, name)
	if err == nil && now == refused {
		err = fmt.Errorf("secret %s: %w", name, processor.ErrSecretRefused)
	}
	return now, err
}
