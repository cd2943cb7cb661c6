package doctor

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
)

var (
	errLate  = errors.New("not there yet")
	errFinal = errors.New("not allowed")
)

// answers is a check that answers with one error after the other, and the last one for ever.
func answers(name string, tries *int, errs ...error) Probe {
	return Probe{name, func(context.Context) (string, error) {
		err := errs[min(*tries, len(errs)-1)]
		*tries++
		return "found", err
	}}
}

func TestExamineWaitsForWhatMayMendItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late, final, never int
		var told atomic.Int64
		results := Examine(t.Context(), []Probe{
			answers("late", &late, errLate, errLate, nil), answers("final", &final, errFinal), answers("never", &never, errLate),
		}, Patience{For: time.Minute, Rand: backofftest.Longest(), Final: func(err error) bool { return errors.Is(err, errFinal) }, Tell: func(Probe, error) { told.Add(1) }})
		if r := results[0]; r.Err != nil || r.Check != "late" || r.Found != "found" || late != 3 || r.Took != 3*time.Second {
			t.Errorf("late: %+v after %d tries", r, late)
		}
		if r := results[1]; !errors.Is(r.Err, errFinal) || final != 1 || r.Took != 0 {
			t.Errorf("final: %+v after %d tries", r, final)
		}
		if r := results[2]; !errors.Is(r.Err, errLate) || r.Took > time.Minute || r.Took < 45*time.Second {
			t.Errorf("never: %+v after %d tries", r, never)
		}
		if want := int64(2 + never - 1); told.Load() != want {
			t.Errorf("told of %d failures, want %d", told.Load(), want)
		}
	})
}

func TestExamineTriesOnceWithoutPatience(t *testing.T) {
	tries := 0
	if r := Examine(t.Context(), []Probe{answers("late", &tries, errLate, nil)}, Patience{}); !errors.Is(r[0].Err, errLate) || tries != 1 {
		t.Errorf("%+v after %d tries", r[0], tries)
	}
}

func TestACheckThatHangsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := Probe{"hung", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }}
		if r := Examine(t.Context(), []Probe{hung}, Patience{})[0]; r.Took != tryTimeout || r.Err == nil || !strings.Contains(r.Err.Error(), "deadline") {
			t.Errorf("%+v", r)
		}
	})
}

func TestFailureSaysEachReasonOnce(t *testing.T) {
	if err := Failure([]Result{{Check: "table", Found: "it can be read"}}); err != nil {
		t.Errorf("nothing failed: %v", err)
	}
	err := Failure([]Result{{Check: "table", Err: errLate}, {Check: "queue"}, {Check: "index", Err: errFinal}, {Check: "bucket", Err: errLate}})
	if want := "the worker's check failed: table, bucket: not there yet; index: not allowed"; err == nil || err.Error() != want {
		t.Errorf("failed with %v, want %s", err, want)
	}
}
