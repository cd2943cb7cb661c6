package contract_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

var settings = contract.Settings{
	Tier: "worker-tier", Environment: "prod", ContentType: "mail", Processor: "exec", Command: []string{"bin/x", "a b", `"c"`},
	Options:   json.RawMessage(`{"level":7,"from":["a b","c\"'$"]}`),
	Processes: 4, Memory: 1500, QueueURL: "https://sqs/1/mail", DeadLetterQueueURL: "https://sqs/1/dead", Table: "jobs", ArtifactsBucket: "artifacts",
	Timing:     contract.Timing{Lease: time.Minute, Heartbeat: 20 * time.Second, Sweep: 30 * time.Second, Checkpoint: 10 * time.Second, DrainBudget: 90 * time.Second, Stall: time.Hour},
	Retry:      contract.Retry{FailureLimit: 3, FirstPause: time.Minute, LongestPause: time.Hour},
	LaunchHook: "boot", TerminationHook: "drain", DrainOnRebalance: true, RootVolume: 30, WarmPool: true, ProtectBusy: true,
	Listen: "127.0.0.1:9464", Graphite: "carbon:2003", EMF: true,
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestSettingsSurviveTheEnvironment(t *testing.T) {
	got, err := contract.SettingsFrom(lookup(settings.Environ()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(settings, got); diff != "" {
		t.Errorf("settings (-written +read):\n%s", diff)
	}
}

func TestEveryMistakeInTheEnvironmentIsNamed(t *testing.T) {
	env := settings.Environ()
	delete(env, contract.EnvTable)
	env[contract.EnvProcesses] = "none"
	env[contract.EnvMemory] = "32"
	env[contract.EnvLease] = "30s"
	env[contract.EnvSweep] = "-1s"
	env[contract.EnvCommand] = "bin/x"
	env[contract.EnvOptions] = "null"
	env[contract.EnvDrainOnRebalance] = "sometimes"
	env[contract.EnvRootVolume] = "large"
	env[contract.EnvWarmPool] = "perhaps"
	env[contract.EnvListen] = ":9464"
	env[contract.EnvGraphite] = "carbon:plain"
	env[contract.EnvEMF] = "maybe"
	env[contract.EnvFailureLimit] = "0"
	env[contract.EnvFirstPause] = "2h"
	_, err := contract.SettingsFrom(lookup(env))
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`WORKER_COMMAND: "bin/x" is not a JSON list of program and arguments`,
		`WORKER_DRAIN_ON_REBALANCE: "sometimes" is neither true nor false`,
		`WORKER_EMF: "maybe" is neither true nor false`,
		`WORKER_FAILURE_LIMIT: "0" is not a whole number from 1 to 1000`,
		"WORKER_FIRST_PAUSE: 2h0m0s is more than WORKER_LONGEST_PAUSE (1h0m0s)",
		`WORKER_GRAPHITE: "carbon:plain" is not a host and a port such as 127.0.0.1:9464`,
		"WORKER_LEASE: 30s must be at least twice WORKER_HEARTBEAT (20s)",
		`WORKER_LISTEN: ":9464" is not a host and a port such as 127.0.0.1:9464`,
		`WORKER_MEMORY: "32" is not a whole number from 64 to 33554432`,
		`WORKER_OPTIONS: "null" is not a JSON object`,
		`WORKER_PROCESSES: "none" is not a whole number from 1 to 1000`,
		`WORKER_ROOT_VOLUME: "large" is not a whole number from 1 to 65536`,
		`WORKER_SWEEP: "-1s" is not a positive duration such as 20s`,
		"WORKER_TABLE: is not set",
		`WORKER_WARM_POOL: "perhaps" is neither true nor false`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestFirstBootIsReadOutOfUserData(t *testing.T) {
	want := contract.FirstBoot{RunList: []string{"role[worker-mail]"}, WorkerTier: contract.Attributes{
		Bundle: contract.Object{Bucket: "b", Key: "k.zip"}, Environment: settings.Environ(),
	}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/bash\n" + contract.BundleVariable + "='s3://b/k.zip'\ncat >/etc/chef/first-boot.json <<'" + contract.FirstBootMarker + "'\n" + string(text) + "\n" + contract.FirstBootMarker + "\nexit 0\n"
	got, err := contract.FirstBootFrom(script)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if err := got.CheckSchema(); err == nil || !strings.Contains(err.Error(), "has schema 0 and this worker reads 1: ") {
		t.Errorf("a document without a schema: error %v", err)
	}
	if err := (contract.FirstBoot{Schema: contract.BootSchema}).CheckSchema(); err != nil {
		t.Errorf("a document of this release: %v", err)
	}
	for _, broken := range []string{"", "#!/bin/bash\n", strings.Replace(script, "s3://", "", 1), strings.Replace(script, "/k.zip", "", 1), strings.Replace(script, "{", "", 1), strings.ReplaceAll(script, "\n"+contract.FirstBootMarker+"\n", "\n")} {
		if _, err := contract.FirstBootFrom(broken); err == nil {
			t.Errorf("no error for user-data %.60q", broken)
		}
	}
}

// FuzzSettings: whatever stands in the environment is read or named as a mistake; what was read is
// sound and survives being written again.
func FuzzSettings(f *testing.F) {
	f.Add("2", "60s", "20s", `["a"]`)
	f.Add("0", "1h", "1ns", `[]`)
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, processes, lease, heartbeat, command string) {
		env := settings.Environ()
		env[contract.EnvProcesses], env[contract.EnvLease], env[contract.EnvHeartbeat], env[contract.EnvCommand] = processes, lease, heartbeat, command
		s, err := contract.SettingsFrom(lookup(env))
		if err != nil {
			if !strings.Contains(err.Error(), "WORKER_") {
				t.Errorf("error %q names no variable", err)
			}
			return
		}
		if s.Processes < 1 || s.Heartbeat <= 0 || s.Lease < 2*s.Heartbeat || len(s.Command) == 0 {
			t.Errorf("accepted %+v", s)
		}
		again, err := contract.SettingsFrom(lookup(s.Environ()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("settings (-first +second):\n%s", diff)
		}
	})
}
