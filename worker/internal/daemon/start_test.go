package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff/backofftest"
	"github.com/worker-tier/worker-tier/worker/internal/systemd"
)

func TestAwait(t *testing.T) {
	away := errors.New("away")
	nobody := notifier{manager: &systemd.Manager{}, log: slog.New(slog.DiscardHandler), random: backofftest.Longest()}
	t.Run("an hour's outage costs a try each half minute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin, tries := time.Now(), 0
			err := await(t.Context(), nobody, "table", func(context.Context) error {
				tries++
				if time.Since(begin) < time.Hour {
					return away
				}
				return nil
			}, func(error) bool { return false })
			if err != nil || tries < 100 || tries > 130 {
				t.Errorf("error %v after %d tries", err, tries)
			}
		})
	})
	t.Run("a drain ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			begin := time.Now()
			err := await(ctx, nobody, "table", func(context.Context) error { return away }, func(error) bool { return false })
			if took := time.Since(begin); err != nil || took != 10*time.Second {
				t.Errorf("error %v after %s", err, took)
			}
		})
	})
	t.Run("what lasts is an error at once", func(t *testing.T) {
		if err := await(t.Context(), nobody, "table", func(context.Context) error { return away }, func(error) bool { return true }); !errors.Is(err, away) {
			t.Errorf("error %v", err)
		}
	})
}
