package supervisor

import (
	"context"
	"time"
)

// publishInterval is the period of the alarms that read the metrics.
const publishInterval = time.Minute

// publishLoop sends how busy the slots were. A metric that is not sent is no reason for a job to fail.
func (s *Supervisor) publishLoop(ctx context.Context) {
	for s.Attempts.Clock.Sleep(ctx, publishInterval) == nil {
		if err := s.Metrics.Busy(ctx, s.meter.Take()); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "metric not published", "error", err.Error())
		}
	}
}

// publishUnfinished sends the number of unfinished jobs, at most once a period.
func (s *Supervisor) publishUnfinished(ctx context.Context, jobs int) {
	now := s.Attempts.Clock.Monotonic()
	if s.Metrics == nil || s.published != 0 && now-s.published < publishInterval-s.Sweeper.Interval/2 {
		return
	}
	s.published = now
	if err := s.Metrics.Unfinished(ctx, jobs); err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "metric not published", "error", err.Error())
	}
}
