package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a password or a token. It prints as "***" in formats, logs and JSON. [Secret.Reveal] gives its value.
type Secret struct{ value string }

// NewSecret is a secret of a test.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal is the secret's value, for the server that wants it.
func (s Secret) Reveal() string { return s.value }

const struckOut = "***"

// String is "***".
func (s Secret) String() string { return struckOut }

// Format prints "***" with every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(struckOut)) }

// MarshalText is "***", so that no cursor and no report holds the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(struckOut), nil }

// LogValue is "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(struckOut) }

// ErrSecretRefused is wrapped by the error of [Job.RenewSecret] where the secret is still the one that was refused.
var ErrSecretRefused = errors.New("it was refused and has not changed")

// Secrets are the secrets of a content type, see [Job.Secret] and [Job.RenewSecret].
type Secrets interface {
	Secret(ctx context.Context, name string) (Secret, error)
	Renew(ctx context.Context, name string, refused Secret) (Secret, error)
}

// errNoSecrets is the error of a job in a test that gives it none.
var errNoSecrets = errors.New("the job was given no secrets: in a test, set Services.Secrets")

// Secret reads a secret that the content type names under "secrets:". The name is that of a Secrets Manager secret, or
// "ssm:" and the path of an SSM parameter. "name#key" is the text under a key of a secret that holds a JSON object. It is kept
// for five minutes: call Secret for each use, and do not keep its answer. What [Job.Log] writes and why a job failed
// hold "***" in the place of each secret of at least four bytes that was read.
func (j *Job) Secret(ctx context.Context, name string) (Secret, error) {
	if j.Services.Secrets == nil {
		return Secret{}, errNoSecrets
	}
	return j.Services.Secrets.Secret(ctx, name)
}

// RenewSecret reads a secret again after a server refused it, for example with 401: it may have been rotated. The error wraps
// [ErrSecretRefused] if the secret is still the same, so that a step calls this once and then fails.
func (j *Job) RenewSecret(ctx context.Context, name string, refused Secret) (Secret, error) {
	if j.Services.Secrets == nil {
		return Secret{}, errNoSecrets
	}
	return j.Services.Secrets.Renew(ctx, name, refused)
}

// Log is the job's log. Its lines hold the job's id, tenant and epoch. They reach the instance's log at level info.
func (j *Job) Log() *slog.Logger {
	if j.Services.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return j.Services.Log
}
