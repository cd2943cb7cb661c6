package program

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/internal/awsaccess"
	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/artifacts"
	"github.com/worker-tier/worker-tier/worker/internal/secrets"
	"github.com/worker-tier/worker-tier/worker/internal/slot"
	"github.com/worker-tier/worker-tier/worker/processor"
)

// services are what a slot's jobs reach outside. Nothing is loaded before a job asks for it: many processors need no AWS.
type services struct {
	aws      func() (aws.Config, error)
	settings contract.Settings
	secrets  *secrets.Secrets
	strike   *secrets.Striker
	output   io.Writer // the slot's, which the supervisor logs
}

func newServices(ctx context.Context, settings contract.Settings, output io.Writer) *services {
	s := &services{settings: settings, strike: &secrets.Striker{}, output: output, aws: sync.OnceValues(func() (aws.Config, error) {
		return awsaccess.ConfigWithRegion(ctx)
	})}
	s.secrets = secrets.New(secrets.FromAWS(s.aws), s.strike)
	return s
}

// of are those of one job.
func (s *services) of(task *slot.Task) processor.Services {
	log := slog.New(slog.NewTextHandler(s.strike.Writer(s.output), nil)).With("job", task.ID, "epoch", task.Epoch)
	if task.Tenant != "" {
		log = log.With("tenant", task.Tenant)
	}
	return processor.Services{
		Log:     log,
		Secrets: s.secrets,
		Artifacts: lazyArtifacts(sync.OnceValues(func() (processor.Artifacts, error) {
			cfg, err := s.aws()
			if err != nil {
				return nil, err
			}
			return artifacts.New(cfg, s.settings.ArtifactsBucket, s.settings.ContentType), nil
		})),
	}
}

// lazyArtifacts are opened by the first call.
type lazyArtifacts func() (processor.Artifacts, error)

func (l lazyArtifacts) Put(ctx context.Context, key string, body io.Reader) (processor.Object, error) {
	a, err := l()
	if err != nil {
		return processor.Object{}, err
	}
	return a.Put(ctx, key, body)
}

func (l lazyArtifacts) Open(ctx context.Context, key string, from int64) (io.ReadCloser, processor.Object, error) {
	a, err := l()
	if err != nil {
		return nil, processor.Object{}, err
	}
	return a.Open(ctx, key, from)
}

func (l lazyArtifacts) List(ctx context.Context, prefix, after string) iter.Seq2[processor.Object, error] {
	a, err := l()
	if err != nil {
		return func(yield func(processor.Object, error) bool) { yield(processor.Object{}, err) }
	}
	return a.List(ctx, prefix, after)
}

func (l lazyArtifacts) Upload(ctx context.Context, key string, state json.RawMessage) (processor.Upload, error) {
	a, err := l()
	if err != nil {
		return nil, err
	}
	return a.Upload(ctx, key, state)
}
