package group

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

// launching is an instance with a launch hook, in a group that answers with err.
func launching(err error) (Membership, *fake, *bytes.Buffer) {
	var log bytes.Buffer
	f := &fake{fails: func(time.Duration) error { return err }}
	return Membership{API: f, Group: "tier-mail", Instance: "i-1", LaunchHook: "boot", Log: slog.New(slog.NewTextHandler(&log, nil))}, f, &log
}

func TestLaunchHookIsCompletedForThisInstance(t *testing.T) {
	m, f, _ := launching(nil)
	if err := m.CompleteLaunch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0s: complete boot of tier-mail for i-1: CONTINUE"}; !slices.Equal(f.called, want) {
		t.Errorf("called %q, want %q", f.called, want)
	}
}

// A second start of an instance, or one that was late, has nothing to complete; a refusal is a failure.
func TestOnlyALateCompletionIsForgiven(t *testing.T) {
	m, _, log := launching(&smithy.GenericAPIError{Code: "ValidationError", Message: "No active Lifecycle Action found with instance ID i-1"})
	if err := m.CompleteLaunch(t.Context()); err != nil || !strings.Contains(log.String(), "No active Lifecycle Action") {
		t.Errorf("error %v, log %q", err, log)
	}
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	m, _, _ = launching(denied)
	if err := m.CompleteLaunch(t.Context()); !errors.Is(err, denied) {
		t.Errorf("a refusal gives the error %v", err)
	}
}

func TestWarmInstanceCompletesItsLaunchOnceItIsInService(t *testing.T) {
	for name, c := range map[string]struct {
		drained bool // while it waits
		hook    string
		want    int // calls
	}{
		"in service":                       {false, "boot", 1},
		"in service, without a hook":       {false, "", 0},
		"a drain ends the wait for itself": {true, "boot", 0},
	} {
		m, f, _ := launching(nil)
		m.LaunchHook = c.hook
		ctx, drain := context.WithCancel(t.Context())
		m.LeaveWarmPool(ctx, func(context.Context) {
			if len(f.called) > 0 {
				t.Errorf("%s: called %q before it was in service", name, f.called)
			}
			if c.drained {
				drain()
			}
		})
		drain()
		if len(f.called) != c.want {
			t.Errorf("%s: called %q, want %d calls", name, f.called, c.want)
		}
	}
}

func TestUnhealthyNamesThisInstanceAndWaitsForNothing(t *testing.T) {
	m, f, _ := launching(nil)
	if err := m.MarkUnhealthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0s: health of i-1: Unhealthy, respect grace period false"}; !slices.Equal(f.called, want) {
		t.Errorf("called %q, want %q", f.called, want)
	}
	away := errors.New("away")
	m, _, _ = launching(away)
	if err := m.MarkUnhealthy(t.Context()); !errors.Is(err, away) {
		t.Errorf("error %v", err)
	}
}
