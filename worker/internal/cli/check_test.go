package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// ranges are limits as they are given.
func ranges(t *testing.T, texts map[string]string) limits {
	t.Helper()
	l := limits{}
	for name, text := range texts {
		if err := l.UnmarshalText([]byte(name + "=" + text)); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestFiguresAreJudged(t *testing.T) {
	figures := []figure{{name: "age", unit: "s", value: 90, text: "old"}, {name: "dead", value: 2, text: "2 dead"}, {name: "up", value: 1, most: new(1.0), text: "up"}}
	for name, c := range map[string]struct {
		warning, critical map[string]string
		want              string
		status            exitStatus
	}{
		"nothing is asked for": {nil, nil, "it OK: all|age=90s;;;0 dead=2;;;0 up=1;;;0;1\n", 0},
		"all is as it should":  {map[string]string{"age": "90", "dead": "2", "up": "1:"}, map[string]string{"age": "100"}, "it OK: all|age=90s;90;100;0 dead=2;2;;0 up=1;1:;;0;1\n", 0},
		"one is out":           {map[string]string{"dead": "0"}, map[string]string{"dead": "2"}, "it WARNING: 2 dead; all|age=90s;;;0 dead=2;0;2;0 up=1;;;0;1\n", 1},
		"the worst comes first": {
			map[string]string{"age": "60", "dead": "0"}, map[string]string{"dead": "@2:3"}, "it CRITICAL: 2 dead; old; all|age=90s;60;;0 dead=2;0;@2:3;0 up=1;;;0;1\n", 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(figures, ranges(t, c.warning), ranges(t, c.critical), "all")
			v.subject = "it"
			var out strings.Builder
			status, _ := errors.AsType[exitStatus](v.print(&out))
			if out.String() != c.want || status != c.status {
				t.Errorf("exit %d, want %d\ngot  %swant %s", status, c.status, out.String(), c.want)
			}
		})
	}
}

// TestAnAnswerComesInTime whatever it is that asks, and in one line.
func TestAnAnswerComesInTime(t *testing.T) {
	for name, c := range map[string]struct {
		ask   func(context.Context) (verdict, error)
		after time.Duration
		want  string
	}{
		"at once": {func(context.Context) (verdict, error) { return verdict{text: "a\nb|c"}, nil }, 0, "it OK: a b/c\n"},
		"heeds the time": {func(ctx context.Context) (verdict, error) {
			<-ctx.Done()
			return verdict{}, errors.New("the table does not answer")
		}, 3 * time.Second, "it UNKNOWN: the table does not answer\n"},
		"does not": {func(context.Context) (verdict, error) { time.Sleep(time.Hour); return verdict{}, nil }, 3*time.Second + overrun, "it UNKNOWN: no answer within 3s (--timeout)\n"},
		"panics":   {func(context.Context) (verdict, error) { panic("ouch") }, 0, "it UNKNOWN: a bug in this check: ouch\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var out strings.Builder
				err := plugin{Timeout: 3}.answer(t.Context(), &out, "it", c.ask)
				if took := time.Since(begin); out.String() != c.want || took != c.after || (err == nil) != strings.HasPrefix(c.want, "it OK") {
					t.Errorf("after %s: %q, %v", took, out.String(), err)
				}
				time.Sleep(2 * time.Hour) // the one that was left behind ends
			})
		})
	}
}

func TestLongestWait(t *testing.T) {
	now := time.Now()
	ready := func(id string, since, notBefore time.Duration) job.Job {
		return job.Job{Key: job.Key{ID: id}, State: job.Ready, UpdatedAt: now.Add(-since), NotBefore: now.Add(-notBefore)}
	}
	paused := ready("paused", 9*time.Hour, 9*time.Hour)
	paused.Paused = true
	running := ready("running", 9*time.Hour, 9*time.Hour)
	running.State = job.Running
	for name, c := range map[string]struct {
		jobs []job.Job
		id   string
		wait time.Duration
	}{
		"none":                        {nil, "", 0},
		"none can run":                {[]job.Job{paused, running, ready("later", time.Hour, -time.Minute)}, "", 0},
		"the oldest":                  {[]job.Job{ready("new", time.Second, time.Hour), ready("old", time.Minute, time.Hour), paused}, "old", time.Minute},
		"since it could run":          {[]job.Job{ready("failed", time.Hour, 2*time.Minute)}, "failed", 2 * time.Minute},
		"since it came back to READY": {[]job.Job{ready("drained", time.Minute, 5*time.Hour)}, "drained", time.Minute},
	} {
		next, wait := longestWait(c.jobs, now)
		if (next == nil) != (c.id == "") || next != nil && next.ID != c.id || wait != c.wait {
			t.Errorf("%s: %+v after %s", name, next, wait)
		}
	}
}

func TestATypesFiguresSayWhatTheyMean(t *testing.T) {
	silent := func(id string, since int64) job.Job {
		return job.Job{Key: job.Key{ID: id}, UpdatedAt: time.Unix(since, 0)}
	}
	s := typeState{
		statsView: statsView{Jobs: map[job.State]int{job.Ready: 120, job.Running: 2, job.Dead: 1}, Queue: messageStats{Visible: 1}, DeadLetters: 3, Paused: true, Sick: &sickView{"i-1", "no space left on device"}},
		next:      &job.Job{Key: job.Key{ID: "17"}}, waited: 14*time.Minute + 300*time.Millisecond, message: new(time.Minute),
		silent: []job.Job{silent("b", 2), silent("a", 1)},
	}
	want := map[string]string{
		oldestJob: "job 17 has waited for 14m0s", oldestMessage: "the oldest message has waited for 1m0s", readyJobs: "120 jobs READY", runningJobs: "2 jobs RUNNING", deadJobs: "1 job DEAD",
		zombieJobs: "2 jobs RUNNING without heartbeats, the longest is a", messages: "1 message in the queue", deadLetters: "3 messages in the dead-letter queue",
		sickInstance: "instance i-1 is sick: no space left on device",
		pausedType:   "paused: no job is taken until 'worker type resume'",
	}
	values := map[string]float64{oldestJob: 840, oldestMessage: 60, readyJobs: 120, runningJobs: 2, deadJobs: 1, zombieJobs: 2, messages: 1, deadLetters: 3, pausedType: 1, sickInstance: 1}
	for _, f := range s.figures() {
		if f.text != want[f.name] || f.value != values[f.name] {
			t.Errorf("%s=%g: %q, want %g, %q", f.name, f.value, f.text, values[f.name], want[f.name])
		}
		delete(want, f.name)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	for _, f := range (typeState{}).figures() {
		if f.name == oldestMessage || f.value != 0 {
			t.Errorf("of nothing: %+v", f)
		}
	}
}
