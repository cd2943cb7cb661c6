package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/internal/operator"
)

// simulated runs the command on a configuration of two content types, with these jobs in jobs.csv.
func simulated(t *testing.T, jobs string, args ...string) (status int, out, said string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"worker-tier.yaml": "name: tier\nchef: {distribution: cinc, version: \"18\"}\nworker: {package: example.com/worker}\n" +
			"environments: {dev: {account: \"111122223333\", region: us-east-1, disposable: true}}\n" +
			"contentTypes:\n  mail: {processor: backup, capacity: {max: 20}}\n  followed: {processor: backup, scaleOut: {method: targetTracking}}\n",
		"jobs.csv": jobs,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var printed, errs bytes.Buffer
	status = run(t.Context(), &session{out: operator.Printer{To: &printed}, err: operator.Printer{To: &errs}}, append([]string{"simulate"}, args...))
	return status, printed.String(), errs.String()
}

var burst = strings.Repeat("0,300,50\n", 50)

// Each --set is a column of the same jobs. A larger group is late less often.
func TestSimulateComparesSettings(t *testing.T) {
	status, out, said := simulated(t, burst, "mail", "--jobs", "jobs.csv", "--json", "--set", "max=1", "--set", "targetLatency=3m,max=40")
	var columns []column
	if err := json.Unmarshal([]byte(out), &columns); err != nil || status != 0 || len(columns) != 3 {
		t.Fatalf("status %d, %v: %s %s", status, err, out, said)
	}
	for i, want := range []string{"", "max=1", "targetLatency=3m,max=40"} {
		if c := columns[i]; c.Set != want || c.Jobs != 50 || c.Ended != 50 {
			t.Errorf("column %d: %+v", i, c)
		}
	}
	if free, one := columns[0], columns[1]; free.Late != 0 || one.Late != 44 || one.LatePercent != 88 || one.MostInstances != 1 || one.MinutesAtMax != 1440 || free.MostInstances != 20 {
		t.Errorf("columns %+v; with one instance, want 44 late jobs of 50: the first six start within 10 minutes", columns)
	}
	if columns[1].InstanceHours != 24 || columns[1].WaitLongest != 24*300 {
		t.Errorf("one instance: %+v, want 24 hours and a longest wait of 7200 s", columns[1])
	}
	if want := "targetLatency=3m,max=40 cannot meet its target of 3m0s: an instance boots in 2m0s and the metrics are 2m0s old\n"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestSimulateDrawsALoadBySeed(t *testing.T) {
	outputs := map[string]int{}
	for _, seed := range []string{"1", "1", "2"} {
		status, out, said := simulated(t, "", "mail", "--seed", seed)
		if status != 0 || !strings.Contains(out, "AS CONFIGURED") {
			t.Fatalf("status %d: %s%s", status, out, said)
		}
		outputs[out]++
	}
	if len(outputs) != 2 {
		t.Errorf("%d outputs of two seeds", len(outputs))
	}
}

func TestSimulateFailsAboveALimit(t *testing.T) {
	for limit, want := range map[string]int{"late>88": 0, "late>87.9": 1, "p95>1e6": 0, "longest>7199": 1, "hours>36": 0, "hours>35": 1} {
		if status, _, said := simulated(t, burst, "mail", "--jobs", "jobs.csv", "--set", "max=1", "--fail-if", limit); status != want {
			t.Errorf("--fail-if %s: status %d, want %d: %s", limit, status, want, said)
		}
	}
}

func TestSimulateNamesWrongInput(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"mail", "--jobs", "jobs.csv"}, 2, `tier: jobs.csv:2: seconds is "x", want a number from 0 to 6.3072e+07`},
		{[]string{"mail", "--load", "often"}, 2, `tier: --load: "often" is no load`},
		{[]string{"mail", "--set", "cpu=5"}, 2, "tier: --set cpu=5: want "},
		{[]string{"mail", "--set", "max=0"}, 2, "tier: --set max=0: want "},
		{[]string{"mail", "--set", "min=30"}, 2, "tier: --set min=30: want "},
		{[]string{"mail", "--set", "targetLatency=2m"}, 2, "tier: --set targetLatency=2m: want "},
		{[]string{"mail", "--fail-if", "late"}, 2, "tier: --fail-if late: want "},
		{[]string{"mail", "--for", "0s"}, 2, "tier: --cpu, --for: want "},
		{[]string{"other"}, 1, "tier: worker-tier.yaml has no content type other"},
		{[]string{"followed"}, 1, "tier: content type followed follows target tracking, which is not simulated"},
	} {
		if status, _, said := simulated(t, "0,1\n1,x\n", c.args...); status != c.status || !strings.HasPrefix(said, c.want) {
			t.Errorf("%v: status %d, %q; want %d, %q", c.args, status, said, c.status, c.want)
		}
	}
}
