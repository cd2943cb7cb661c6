package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

// tell prints the story of a job: what it is, what became of it so far, what happens next and when.
func tell(ctx context.Context, e *env, p *typeHandles, j job.Job) error {
	typePaused := false
	if j.State == job.Ready { // only then does it matter
		control, err := p.store.Get(ctx, sweep.ControlKey(j.ContentType))
		if err != nil {
			return err
		}
		typePaused = sweep.Paused(control)
	}
	v, now := viewOf(j), time.Now()
	rows := [][]string{
		{"job", j.Key.String()}, {"tenant", v.Tenant}, {"state", v.status()}, {"progress", v.progress()}, {"pace", v.pace()},
		{"expected end", v.ETA.text(now)}, {"owner", v.Owner}, {"submitted", moment(v.CreatedAt, now)}, {"last word", moment(v.UpdatedAt, now)},
		{"so far", soFar(j)}, {"last error", v.LastError}, {"next", next(j, typePaused, now)},
		{"epoch, seq", fmt.Sprintf("%d, %d", v.Epoch, v.Seq)}, {"payload", string(v.Payload) + inBucket(j, v.PayloadRef)},
		{"cursor", strings.TrimSpace(v.CursorVersion + " " + string(v.Cursor) + inBucket(j, v.CursorRef))},
	}
	return e.out.Table(slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" }))
}

// moment is a point in time as a person wants it, "2026-11-24 20:15:00 (3m ago)".
func moment(t, now time.Time) string {
	distance := fmt.Sprintf("%s ago", now.Sub(t).Round(time.Second))
	if t.After(now) {
		distance = "in " + t.Sub(now).Round(time.Second).String()
	}
	return fmt.Sprintf("%s (%s)", t.Local().Format(time.DateTime), distance)
}

func (v jobView) pace() string {
	if v.PerSecond <= 0 {
		return ""
	}
	return fmt.Sprintf("%.3g %s a second", v.PerSecond, v.Unit)
}

func (eta *etaView) text(now time.Time) string {
	if eta == nil {
		return ""
	}
	latest := "no end in sight at the slowest"
	if !eta.Latest.IsZero() {
		latest = "at the latest " + eta.Latest.Local().Format(time.TimeOnly)
	}
	return fmt.Sprintf("%s, at the soonest %s, %s (95 %%)", moment(eta.Likely, now), eta.Soonest.Local().Format(time.TimeOnly), latest)
}

// soFar says how often the job changed hands and why.
func soFar(j job.Job) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{
		{j.Drains, "handed back by a drain"}, {j.Crashes, "its worker stopped sending heartbeats, at this position"},
		{j.Returns, "handed back to go on later, without a newer cursor"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", p.what, times(p.n)))
		}
	}
	if j.Failures > 0 {
		parts = append(parts, failed(j))
	}
	return cmp.Or(strings.Join(parts, "; "), "never handed back, never failed")
}

// failed says how often the job failed, and of how many failures that make it DEAD.
func failed(j job.Job) string {
	if j.FailureLimit == 0 { // as a release before counted them
		return "failed " + times(j.Failures)
	}
	return fmt.Sprintf("failed %d of %d times", j.Failures, j.FailureLimit)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// next says what happens next and when.
func next(j job.Job, typePaused bool, now time.Time) string {
	switch j.State {
	case job.Ready:
		return nextOfReady(j, typePaused, now)
	case job.Running:
		return nextOfRunning(j, now)
	case job.Dead:
		return "nothing until 'worker jobs redrive'; kept until " + moment(j.Expires, now)
	case job.Done, job.Cancelled:
		return "nothing; kept until " + moment(j.Expires, now)
	}
	return ""
}

func nextOfReady(j job.Job, typePaused bool, now time.Time) string {
	switch {
	case j.Paused:
		return "nothing until 'worker jobs resume'"
	case typePaused:
		return "nothing until 'worker type resume': its content type is paused"
	case j.NotBefore.After(now):
		return fmt.Sprintf("next try between %s and %s, or now with 'worker jobs retry'",
			moment(j.NotBefore, now), j.NotBefore.Add(job.RingDelay(0)).Local().Format(time.TimeOnly))
	}
	return "the next free process takes it; announced again at " + moment(j.RingAt, now)
}

func nextOfRunning(j job.Job, now time.Time) string {
	silentUntil := j.SilentUntil()
	switch {
	case now.After(silentUntil):
		return fmt.Sprintf("its worker is silent for longer than %s, its lease is %s: a sweep gives it to another", j.Patience(), j.Lease)
	case j.CancelRequested:
		return "ends at its next step: a cancel was requested"
	case j.Paused:
		return "is handed back at its next step: it is paused"
	}
	return "goes on; if its worker falls silent, another takes it after " + moment(silentUntil, now)
}
