package program

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/worker/internal/secrets"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// TestSecretsOfAJobAreStruckOut: of what it logs, and of the reason why it failed.
func TestSecretsOfAJobAreStruckOut(t *testing.T) {
	var log bytes.Buffer
	s := newServices(t.Context(), settings(), &log)
	s.secrets = secrets.New(func(context.Context, string) (string, error) { return "hunter2", nil }, s.strike)
	p := processor.Processor{Name: "p", Version: 1, Open: func(ctx context.Context, job *processor.Job) (processor.Steps, error) {
		secret, err := job.Secret(ctx, "imap")
		if err != nil {
			return nil, err
		}
		job.Log().InfoContext(ctx, "log in", "url", "imaps://u:"+secret.Reveal()+"@a")
		return nil, processor.Permanent(errors.New("imaps://u:" + secret.Reveal() + "@a: refused"))
	}}
	task := &slot.Task{Assignment: protocol.Assignment{ID: "j1", Tenant: "acme", Epoch: 7}}
	outcome := runner{processor: p, services: s.of(task), strike: s.strike, task: task, to: &hearer{}}.run(t.Context())
	if want := "imaps://u:***@a: refused"; outcome.Error != want {
		t.Errorf("error %q, want %q", outcome.Error, want)
	}
	if got := log.String(); !strings.Contains(got, "msg=\"log in\" job=j1 epoch=7 tenant=acme url=imaps://u:***@a") {
		t.Errorf("log %s", got)
	}
}

// TestServicesNeedNoAWS: jobs that reach nothing run without a Region, and the others say what is missing.
func TestServicesNeedNoAWS(t *testing.T) {
	errTest := errors.New("no AWS Region")
	s := newServices(t.Context(), settings(), &bytes.Buffer{})
	s.aws = func() (aws.Config, error) { return aws.Config{}, errTest }
	a := s.of(&slot.Task{}).Artifacts
	_, err := a.Put(t.Context(), "mail/a", nil)
	_, _, opened := a.Open(t.Context(), "mail/a", 0)
	_, begun := a.Upload(t.Context(), "mail/a", nil)
	for _, listed := range a.List(t.Context(), "mail/", "") {
		for _, err := range []error{err, opened, begun, listed} {
			if !errors.Is(err, errTest) {
				t.Errorf("error %v", err)
			}
		}
	}
}
