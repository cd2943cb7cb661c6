package loop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// replaceAfter is how long an instance is sick until its worker asks for another one.
const replaceAfter = 15 * time.Minute

var (
	// testPauses are those before a self-test.
	testPauses = backoff.Pauses{First: 2 * time.Second, Most: time.Minute, Least: 500 * time.Millisecond}
	// relapsePauses are those before the first self-test after a job that could not begin although the self-test before
	// had passed. They are longer than the job's own at first, so that another instance gets it.
	relapsePauses = backoff.Pauses{First: time.Minute, Most: 5 * time.Minute, Least: 30 * time.Second}
)

// illness is the state of an instance that could not begin a job: its processor or program never had it. A sick instance
// takes no jobs until a self-test passes. Its methods may be called by several loops.
type illness struct {
	mu       sync.Mutex
	sick     bool
	reason   string
	tests    int64         // self-tests that failed in a row
	relapses int64         // times that it fell sick again, although a self-test had passed and before a job got on
	known    bool          // there was a fault since a job last got on
	since    time.Duration // the first of them, monotonic
	wellAt   time.Duration // when a self-test last passed, monotonic
}

// fall takes note of a fault. It reports whether the instance was well before.
func (i *illness) fall(reason string, now time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.sick
	switch {
	case !i.known || !before && now-i.wellAt >= replaceAfter: // whatever it was is over
		i.since, i.known, i.relapses = now, true, 0
	case !before:
		i.relapses++
	}
	i.sick, i.reason = true, inOneLine(reason)
	return !before
}

// inOneLine is an error's text for reports that have a line for each check.
func inOneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// tested takes note of a self-test.
func (i *illness) tested(err error, now time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.reason = "self-test: " + inOneLine(err.Error())
		i.tests++
		return
	}
	i.sick, i.tests, i.wellAt = false, 0, now
}

// pause is how long to wait for the next self-test.
func (i *illness) pause(random *rand.Rand) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tests == 0 && i.relapses > 0 {
		return relapsePauses.After(i.relapses-1, random)
	}
	return testPauses.After(i.tests, random)
}

// gotOn takes note of a job that the instance did begin. Only a self-test ends a sickness.
func (i *illness) gotOn() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.sick {
		i.known, i.relapses = false, 0
	}
}

// now is the reason of the sickness, "" of a well instance, and the time of the first fault since a job last got on.
func (i *illness) now() (reason string, since time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.sick {
		return "", i.since
	}
	return i.reason, i.since
}

func (i *illness) on() bool { reason, _ := i.now(); return reason != "" }

// fall takes no more jobs, because of a fault of the instance.
func (w *Worker) fall(ctx context.Context, reason string) {
	if w.illness.fall(reason, w.Attempts.Clock.Monotonic()) {
		w.Log.ErrorContext(ctx, "the instance cannot begin jobs: none is taken until a self-test passes", "reason", reason)
	}
	w.nurse.task.Wake()
}

// nurseLoop tests a sick instance with growing pauses until it is well. From the second minute on it reports each minute
// that the instance is sick, also if self-tests pass in between and no job can begin after them.
func (w *Worker) nurseLoop(ctx context.Context) {
	clock, reportedAt := w.Attempts.Clock, -publishInterval
	for ctx.Err() == nil {
		if !w.illness.on() {
			w.nurse.task.Wait(ctx, lease.Never)
			continue
		}
		if clock.Sleep(ctx, w.illness.pause(w.Attempts.Rand)) != nil {
			return
		}
		_, since := w.illness.now()
		if now := clock.Monotonic(); now-since >= publishInterval && now-reportedAt >= publishInterval {
			reportedAt = now
			w.report(ctx)
		}
		w.selfTest(ctx)
	}
}

// selfTest starts a slot, which tries what each job needs before it is ready, and ends it.
func (w *Worker) selfTest(ctx context.Context) {
	process, err := w.nurse.start(ctx)
	if err == nil {
		err = w.nurse.end(process)
	}
	if ctx.Err() != nil {
		return
	}
	w.illness.tested(err, w.Attempts.Clock.Monotonic())
	if err != nil {
		w.Log.WarnContext(ctx, "self-test failed, trying again", "error", err.Error())
		return
	}
	w.Log.InfoContext(ctx, "self-test passed: jobs are taken again")
	w.receiver.Wake()
	for _, s := range w.slots {
		s.task.Wake()
	}
}

// report tells the other workers of the type that the instance is sick and asks, after a quarter of an hour, for another
// in its place. A drain begins once that is granted.
func (w *Worker) report(ctx context.Context) {
	reason, since := w.illness.now()
	w.try(ctx, "not reported that the instance is sick", func(ctx context.Context) error { return w.Sweeper.ReportSick(ctx, reason) })
	if w.Replace == nil || w.Attempts.Clock.Monotonic()-since < replaceAfter {
		return
	}
	w.try(ctx, "no other instance asked for", func(ctx context.Context) error {
		err := w.Sweeper.GrantReplacement(ctx)
		if err == nil {
			w.Replace(reason)
		}
		return err
	})
}

// awaitWell waits until a self-test has passed, or a drain begins.
func (w *Worker) awaitWell(ctx context.Context) {
	w.Intake.DeleteUsed(context.WithoutCancel(ctx))
	for ctx.Err() == nil && w.illness.on() {
		w.Vitals.Within(receiving, idleLook+slack)
		w.receiver.Wait(ctx, w.Attempts.Clock.Monotonic()+idleLook)
	}
}

// awaitWell hands back what was claimed for a slot without a process, until a self-test has passed or a drain begins. It
// reports whether the slot is still announced as idle.
func (s *slot) awaitWell(ctx context.Context, announced bool) bool {
	for ctx.Err() == nil && s.illness.on() {
		select {
		case claimed, open := <-s.jobs:
			if !open {
				return announced
			}
			reason, _ := s.illness.now()
			work := context.WithoutCancel(ctx)
			attempt := s.begin(work, claimed, noSlot{})
			attempt.Ended(work, fmt.Errorf("%w: %s", errNoSlot, reason))
			s.count(work, attempt)
			announced = false
		default:
			s.task.Wait(ctx, s.Attempts.Clock.Monotonic()+idleLook)
		}
	}
	return announced
}

func (w *Worker) sickHealth() health.Check {
	reason, since := w.illness.now()
	if reason == "" {
		return health.Check{Name: health.Instance, OK: true, Detail: "no fault of it keeps jobs from beginning"}
	}
	ago := (w.Attempts.Clock.Monotonic() - since).Round(time.Second)
	return health.Check{Name: health.Instance, Detail: fmt.Sprintf("sick for %s, no job is taken until a self-test passes: %s", ago, reason)}
}
