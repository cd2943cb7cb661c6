package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/processor"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

func TestSecretsOfAWS(t *testing.T) {
	cfg := localaws.StartT(t).ConfigT(t)
	manager := secretsmanager.NewFromConfig(cfg)
	localaws.Call(t, manager.CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("imap/service"), SecretString: aws.String(`{"user": "u1", "password": "hunter2"}`)})
	localaws.Call(t, manager.CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: []byte("bytes")})
	localaws.Call(t, ssm.NewFromConfig(cfg).PutParameter, &ssm.PutParameterInput{Name: aws.String("/imap/token"), Value: aws.String("t0ken"), Type: types.ParameterTypeSecureString})
	s := New(FromAWS(func() (aws.Config, error) { return cfg, nil }), &Striker{})
	for name, want := range map[string]string{
		"imap/service#password": "hunter2",
		"imap/service":          `{"user": "u1", "password": "hunter2"}`,
		"binary":                "bytes",
		"ssm:/imap/token":       "t0ken",
	} {
		if got, err := s.Secret(t.Context(), name); err != nil || got.Reveal() != want {
			t.Errorf("%s: %q, error %v", name, got.Reveal(), err)
		}
	}
	for name, want := range map[string]string{
		"none":                     "secret none: ",
		"ssm:/none":                "secret ssm:/none: ",
		"imap/service#pasword":     `secret imap/service: has no text under the key "pasword"`,
		"binary#key":               `secret binary: is not a JSON object, so it has no key "key"`,
		"ssm:/imap/token#password": `secret ssm:/imap/token: is not a JSON object, so it has no key "password"`,
	} {
		if got, err := s.Secret(t.Context(), name); err == nil || !strings.HasPrefix(err.Error(), want) || got.Reveal() != "" {
			t.Errorf("%s: %q, error %v, want %q", name, got.Reveal(), err, want)
		}
	}
}

// counted is a source whose secret changes when the test says so.
type counted struct {
	value string
	reads int
}

func (c *counted) read(context.Context, string) (string, error) {
	c.reads++
	if c.value == "" {
		return "", errors.New("throttled")
	}
	return c.value, nil
}

func TestSecretsAreKeptForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counted{value: "first"}
		s := New(c.read, &Striker{})
		expect := func(want string, reads int) {
			t.Helper()
			if got, err := s.Secret(t.Context(), "name"); err != nil || got.Reveal() != want || c.reads != reads {
				t.Errorf("%q after %d reads, error %v; want %q after %d", got.Reveal(), c.reads, err, want, reads)
			}
		}
		expect("first", 1)
		c.value = "second"
		time.Sleep(5*time.Minute - time.Second)
		expect("first", 1)
		time.Sleep(time.Second)
		expect("second", 2)
	})
}

func TestRefusedSecretsAreReadAgainOnce(t *testing.T) {
	c := &counted{value: "first"}
	s := New(c.read, &Striker{})
	first, err := s.Secret(t.Context(), "name")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(t.Context(), "name", first); !errors.Is(err, processor.ErrSecretRefused) || c.reads != 2 {
		t.Errorf("an unchanged secret: error %v after %d reads", err, c.reads)
	}
	c.value = "second"
	for range 2 { // the second time for another connection that was refused with the first
		if got, err := s.Renew(t.Context(), "name", first); err != nil || got.Reveal() != "second" || c.reads != 3 {
			t.Errorf("a rotated secret: %q, error %v after %d reads", got.Reveal(), err, c.reads)
		}
	}
	c.value = ""
	if _, err := s.Renew(t.Context(), "name", processor.NewSecret("second")); err == nil || errors.Is(err, processor.ErrSecretRefused) {
		t.Errorf("a secret that cannot be read: error %v", err)
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	s := processor.NewSecret("hunter2")
	text, err := json.Marshal(map[string]any{"value": s, "pointer": &s, "inner": struct{ S processor.Secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "s", s, "in", struct{ S processor.Secret }{s})
	for _, got := range []string{
		string(text), log.String(), s.String(), fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprint(struct{ S processor.Secret }{s}), fmt.Sprintf("%#v", struct{ S processor.Secret }{s}), fmt.Sprint([]processor.Secret{s}, &s),
		fmt.Errorf("log in with %w, %v", errors.New("a"), s).Error(),
	} {
		if strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(got, "***") {
			t.Errorf("it prints as %s", got)
		}
	}
}

func TestSecretsAreStruckOut(t *testing.T) {
	strike := &Striker{}
	for _, secret := range []string{"hunter2", "hunter2 and more", "with \"quotes\" & \n<lines>", "abc"} {
		s := New(func(context.Context, string) (string, error) { return secret, nil }, strike)
		if _, err := s.Secret(t.Context(), "name"); err != nil {
			t.Fatal(err)
		}
	}
	var text, inJSON bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(strike.Writer(&text), nil), slog.NewJSONHandler(strike.Writer(&inJSON), nil)} {
		log := slog.New(handler).With("with", "hunter2")
		log.Info("logged in as hunter2", "error", errors.New("https://a?token=hunter2 and more"), "quoted", "with \"quotes\" & \n<lines>", "short", "abc")
	}
	for _, got := range []string{text.String(), inJSON.String()} {
		for _, wrong := range []string{"hunter", "and more", "lines", "quotes"} {
			if strings.Contains(got, wrong) {
				t.Errorf("%q stands in %s", wrong, got)
			}
		}
		if strings.Count(got, "***") != 4 || !strings.Contains(got, "abc") {
			t.Errorf("struck out: %s", got)
		}
	}
	if got := strike.Strike("nothing to hide"); got != "nothing to hide" {
		t.Errorf("struck out: %s", got)
	}
}
