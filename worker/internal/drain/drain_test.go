package drain_test

import (
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The first notice is the cause; those that come during the drain have their own effect and no other.
func TestNotices(t *testing.T) {
	for name, c := range map[string]struct {
		given                     []drain.Source
		hurried, leaving, stopped bool
	}{
		"a signal":                       {[]drain.Source{drain.Signal}, false, false, true},
		"the group":                      {[]drain.Source{drain.Lifecycle}, false, true, false},
		"Spot":                           {[]drain.Source{drain.Spot}, false, false, false},
		"Spot during rebalance":          {[]drain.Source{drain.Rebalance, drain.Spot}, true, false, false},
		"a signal during the group's":    {[]drain.Source{drain.Lifecycle, drain.Signal}, false, true, true},
		"the group during a signal's":    {[]drain.Source{drain.Signal, drain.Lifecycle}, false, true, true},
		"an operator during the group's": {[]drain.Source{drain.Lifecycle, drain.Operator}, false, true, false},
		"everything, twice": {
			[]drain.Source{drain.Operator, drain.Rebalance, drain.Spot, drain.Lifecycle, drain.Signal, drain.Spot, drain.Lifecycle, drain.Signal}, true, true, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, notices := drain.NewNotices(t.Context())
			if ctx.Err() != nil || notices.Cause() != nil {
				t.Fatal("draining without a notice")
			}
			for _, source := range c.given {
				notices.Take(&drain.Cause{Source: source})
			}
			if got := drain.Of(ctx).Source; ctx.Err() == nil || got != c.given[0] || notices.Cause().Source != got {
				t.Errorf("the cause is %s, want %s", got, c.given[0])
			}
			if h, l, s := closed(notices.Hurried()), closed(notices.Leaving()), closed(notices.Stopped()); h != c.hurried || l != c.leaving || s != c.stopped {
				t.Errorf("hurried %t, leaving %t, stopped %t; want %t, %t, %t", h, l, s, c.hurried, c.leaving, c.stopped)
			}
		})
	}
}

func TestBudgets(t *testing.T) {
	for source, want := range map[drain.Source]time.Duration{
		drain.Signal: time.Minute, drain.Lifecycle: time.Minute, drain.Rebalance: time.Minute, drain.Operator: time.Minute, drain.Spot: 90 * time.Second,
	} {
		if got := (&drain.Cause{Source: source}).Budget(time.Minute); got != want {
			t.Errorf("%s has %s, want %s", source, got, want)
		}
	}
}
