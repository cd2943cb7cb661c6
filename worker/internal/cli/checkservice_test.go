package cli

import (
	"errors"
	"testing"

	"github.com/worker-tier/worker-tier/worker/internal/health"
	"github.com/worker-tier/worker-tier/worker/internal/nagios"
)

// TestAWorkersStageIsJudged by what a worker that starts, waits, drains or hangs reports.
func TestAWorkersStageIsJudged(t *testing.T) {
	passes := func(name string) health.Check { return health.Check{Name: name, OK: true, Detail: "x"} }
	fails := func(name string) health.Check { return health.Check{Name: name, Detail: name + " bad"} }
	slots := fails("slots") // what comes of the worker's stage
	for name, c := range map[string]struct {
		alive, ready health.Report
		want         nagios.State
		says         string
	}{
		"starts":    {health.Of(), health.Of(fails(health.Start), fails(health.Service), passes(health.Drain)), nagios.Warning, "start bad"},
		"warm pool": {health.Of(), health.Of(passes(health.Start), fails(health.Service), passes(health.Drain), slots), nagios.OK, "service bad"},
		"drains":    {health.Of(), health.Of(passes(health.Start), passes(health.Service), fails(health.Drain), slots), nagios.Warning, "drain bad"},
		"hangs":     {health.Of(fails("loops")), health.Of(), nagios.Critical, "loops: loops bad"},
	} {
		if v := judgeReports(c.alive, c.ready); v.state != c.want || v.text != c.says {
			t.Errorf("%s: %s: %s, want %s: %s", name, v.state, v.text, c.want, c.says)
		}
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
