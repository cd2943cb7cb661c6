package contract_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// FuzzVariable: whatever stands in one variable, or if it is not there at all, the settings are sound and
// survive being written again, or each problem is a line that begins with the variable's name.
func FuzzVariable(f *testing.F) {
	names := slices.Sorted(maps.Keys(settings.Environ()))
	for i := range names {
		f.Add(uint8(i), "", false)
	}
	for i, name := range names {
		for of, values := range map[string][]string{
			contract.EnvCommand:   {`["a", ""]`, `[""]`, `[]`, `null`, `["a\u0000"]`, `["a"`, "[\"\xff\"]", `["a",1]`},
			contract.EnvProcesses: {"1", "+1", "01", "1000", "1001", "-1", "99999999999999999999"},
			contract.EnvLease:     {"40s", "39s", "-1s", "1e3s", "2562047h47m16.854775807s", "0", "1µs"},
			contract.EnvHeartbeat: {"31s", "1ns", "20", "1500000h"},
			contract.EnvTable:     {" ", "a\nb", "\x00"},
		} {
			for _, value := range values {
				if of == name {
					f.Add(uint8(i), value, true)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string, set bool) {
		name := names[int(which)%len(names)]
		env := settings.Environ()
		env[name] = value
		if !set {
			delete(env, name)
		}
		s, err := contract.SettingsFrom(lookup(env))
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				ofPair := name == contract.EnvHeartbeat && strings.HasPrefix(line, contract.EnvLease+": ")
				if !strings.HasPrefix(line, name+": ") && !ofPair {
					t.Errorf("%s=%q: problem %q", name, value, line)
				}
			}
			return
		}
		if s.Processes < 1 || s.Processes > 1000 || s.Heartbeat <= 0 || s.Heartbeat > s.Lease/2 || s.Sweep <= 0 || s.Checkpoint <= 0 || s.DrainBudget <= 0 ||
			s.Table == "" || s.QueueURL == "" || s.Processor == "" || s.Command != nil && s.Command[0] == "" {
			t.Errorf("%s=%q: accepted %+v", name, value, s)
		}
		again, err := contract.SettingsFrom(lookup(s.Environ()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("%s=%q: settings (-first +second):\n%s", name, value, diff)
		}
	})
}
