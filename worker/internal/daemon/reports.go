package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/metrics"
)

// Alive says whether all loops keep their promises.
func (s *state) Alive() health.Report {
	loop, by := s.vitals.Late()
	if loop != "" {
		return health.Of(health.Check{Name: "loops", Detail: fmt.Sprintf("%s hangs: it should have shown up %s ago", loop, by.Round(time.Second))})
	}
	return health.Of(health.Check{Name: "loops", OK: true, Detail: "all turn"})
}

// Ready says whether the worker takes jobs.
func (s *state) Ready() health.Report {
	phase := s.phase.Load()
	checks := []health.Check{
		{Name: health.Start, OK: phase > starting, Detail: "instance metadata, table and bucket have answered"},
		{Name: health.Service, OK: phase == started, Detail: "the instance is in service"},
		{Name: health.Drain, OK: s.notices.Cause() == nil, Detail: "none has begun"},
	}
	if phase == starting {
		checks[0].Detail = "waits for instance metadata, table or bucket: see the log"
	}
	if phase < started {
		checks[1].Detail = "the group has not put the instance in service, as far as is known: it may stand in a warm pool"
	}
	if s.notices.Cause() != nil {
		checks[2].Detail = s.text()
	}
	if jobs := s.jobs.Load(); jobs != nil {
		checks = append(checks, jobs.Health()...)
	}
	return health.Of(checks...)
}

// push sends the metrics to Graphite, where that is wanted.
func (s *state) push(ctx context.Context, settings contract.Settings, instance string, log *slog.Logger) {
	if settings.Graphite == "" {
		return
	}
	g := metrics.Graphite{Address: settings.Graphite, Prefix: metrics.GraphitePrefix(settings, instance), Families: s.Metrics, Log: log}
	g.Run(ctx, s.handedBack)
}

// Metrics are all that the worker counts and knows of itself.
func (s *state) Metrics() []metrics.Family {
	families := []metrics.Family{
		{Name: "worker_alive", Kind: metrics.Gauge, Help: "1: all loops of the worker turn, as /healthz says.", Read: metrics.One(func() float64 { return metrics.Truth(s.Alive().OK) })},
		{Name: "worker_ready", Kind: metrics.Gauge, Help: "1: the worker takes jobs, as /readyz says.", Read: metrics.One(func() float64 { return metrics.Truth(s.Ready().OK) })},
		{Name: "worker_ready_check", Kind: metrics.Gauge, Help: "1: nothing of this kind keeps the worker from taking jobs.", Labels: []string{"check"}, Read: func(add metrics.Add) {
			for _, c := range s.Ready().Checks {
				add(metrics.Truth(c.OK), c.Name)
			}
		}},
		{Name: "worker_draining", Kind: metrics.Gauge, Help: "1: a drain has begun.", Read: metrics.One(func() float64 { return metrics.Truth(s.notices.Cause() != nil) })},
		{Name: "worker_drained", Kind: metrics.Gauge, Help: "1: all jobs are handed back; the worker waits for its instance to go.", Read: metrics.One(func() float64 { return metrics.Truth(closed(s.handedBack)) })},
	}
	if jobs := s.jobs.Load(); jobs != nil {
		families = slices.Concat(families, jobs.Meter.Families(), jobs.Families())
	}
	return append(families, s.counted...)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
