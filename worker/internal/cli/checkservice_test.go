package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/drain"
	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/nagios"
	"github.com/worker-tier/worker-tier/worker/internal/vitals"
)

// TestAWorkersStageIsJudged by what a worker that starts, waits, drains or hangs says of itself.
func TestAWorkersStageIsJudged(t *testing.T) {
	draining, notices := drain.Watch(t.Context())
	notices.Take(&drain.Cause{Source: drain.Operator, Detail: "a bad disk"})
	for name, c := range map[string]struct {
		ctx   context.Context
		phase int32
		late  bool
		want  nagios.State
		says  string
	}{
		"starts":    {t.Context(), starting, false, nagios.Warning, "waits for instance metadata, table or bucket: see the log"},
		"warm pool": {t.Context(), pooled, false, nagios.OK, "the group has not put the instance in service, as far as is known: it may stand in a warm pool"},
		"drains":    {draining, started, false, nagios.Warning, "starting"}, // a board without a supervisor
		"hangs":     {t.Context(), started, true, nagios.Critical, "loops: receive hangs: it should have shown up "},
	} {
		t.Run(name, func(t *testing.T) {
			b := &board{ctx: c.ctx, vitals: &vitals.Board{}}
			b.phase.Store(c.phase)
			if c.late {
				b.vitals.Within("receive", time.Nanosecond)
				time.Sleep(time.Millisecond)
			}
			v := judgeReports(b.Alive(), b.Ready())
			if v.state != c.want || len(v.text) < len(c.says) || v.text[:len(c.says)] != c.says {
				t.Errorf("%s: %s, want %s: %s", v.state, v.text, c.want, c.says)
			}
		})
	}
}

func TestWhatKeepsAWorkerFromItsJobsIsJudged(t *testing.T) {
	report := func(failing ...string) health.Report {
		checks := []health.Check{{Name: "start", OK: true, Detail: "x"}, {Name: "service", OK: true, Detail: "x"}, {Name: "drain", OK: true, Detail: "x"}}
		for _, name := range []string{"slots", "pause", "table", "queue"} {
			ok, detail := true, name+" fine"
			for _, f := range failing {
				if f == name {
					ok, detail = false, name+" bad"
				}
			}
			checks = append(checks, health.Check{Name: name, OK: ok, Detail: detail})
		}
		return health.Of(checks...)
	}
	for want, r := range map[string]health.Report{
		"OK: slots: slots fine; pause: pause fine; table: table fine; queue: queue fine":      report(),
		"OK: slots: slots fine; pause: pause bad; table: table fine; queue: queue fine":       report("pause"),
		"CRITICAL: table: table bad; slots: slots fine; pause: pause fine; queue: queue fine": report("table"),
		"CRITICAL: queue: queue bad; slots: slots fine; pause: pause bad; table: table fine":  report("queue", "pause"),
		"CRITICAL: queue: queue bad; slots: slots bad; pause: pause fine; table: table fine":  report("slots", "queue"),
		"WARNING: handing back":                          health.Of(health.Check{Name: "drain", Detail: "handing back"}, health.Check{Name: "slots", Detail: "0 of 2 run"}),
		"CRITICAL: something: a check of a newer worker": health.Of(health.Check{Name: "something", Detail: "a check of a newer worker"}),
	} {
		if v := judgeReports(health.Of(), r); v.state.String()+": "+v.text != want {
			t.Errorf("%s: %s, want %s", v.state, v.text, want)
		}
	}
}

func TestWhatSystemdSaysIsJudged(t *testing.T) {
	of := func(load, active, sub, result, restarts string) unit {
		return unit{name: "worker.service", properties: map[string]string{"LoadState": load, "ActiveState": active, "SubState": sub, "Result": result, "NRestarts": restarts}}
	}
	for want, u := range map[string]unit{
		"CRITICAL: no worker runs here; systemd has no unit worker.service":                                                                           of("not-found", "inactive", "dead", "success", "0"),
		"CRITICAL: no worker runs here; worker.service is inactive (dead), result success: see journalctl --unit=worker.service":                      of("loaded", "inactive", "dead", "success", "0"),
		"CRITICAL: no worker runs here; worker.service is failed (failed), restarted 10 times, result watchdog: see journalctl --unit=worker.service": of("loaded", "failed", "failed", "watchdog", "10"),
		"WARNING: worker.service is activating (auto-restart), restarted once":                                                                        of("loaded", "activating", "auto-restart", "exit-code", "1"),
		"WARNING: worker.service is deactivating (stop-sigterm)":                                                                                      of("loaded", "deactivating", "stop-sigterm", "success", "0"),
		"CRITICAL: worker.service is active (running), and no worker answers: is the socket another (--socket)?":                                      of("loaded", "active", "running", "success", "0"),
		"CRITICAL: no worker runs here; systemd does not say more":                                                                                    {err: errors.New("systemd does not say more")},
	} {
		if v := u.verdict(); v.state.String()+": "+v.text != want {
			t.Errorf("%s: %s, want %s", v.state, v.text, want)
		}
	}
}
