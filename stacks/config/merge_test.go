package config

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/tierspec"
)

// everySetting is all the leaves of settings, each with values that go together with every other, whatever
// layer they come from, and with the way to read the resolved one.
var everySetting = []struct {
	group, key string
	values     [3]string
	builtin    string
	resolved   func(tierspec.ContentType) any
}{
	{"", "instanceTypes", [3]string{"[m7g.large, m6g.large]", "[c7g.large, c6g.large]", "[r7g.large, r6g.large]"}, "[m7g.large]", func(c tierspec.ContentType) any { return "[" + strings.Join(c.InstanceTypes, ", ") + "]" }},
	{"", "processesPerInstance", [3]string{"3", "4", "5"}, "2", func(c tierspec.ContentType) any { return c.ProcessesPerInstance }},
	{"", "memoryPerProcess", [3]string{"1001", "1002", "1003"}, "0", func(c tierspec.ContentType) any { return c.MemoryPerProcess }},
	{"rootVolume", "size", [3]string{"31", "32", "33"}, "30", func(c tierspec.ContentType) any { return c.RootVolumeGiB }},
	{"", "inbound", [3]string{"[{port: 9100, from: sg-00000001}]", "[{port: 9101, from: sg-00000001}]", "[]"}, "[]", func(c tierspec.ContentType) any {
		var rules []string
		for _, i := range c.Inbound {
			rules = append(rules, fmt.Sprintf("{port: %d, from: %s}", i.Port, i.SecurityGroup))
		}
		return "[" + strings.Join(rules, ", ") + "]"
	}},
	{"queue", "kmsKey", [3]string{"arn:aws:kms:us-east-1:111122223333:key/a", "arn:aws:kms:us-east-1:111122223333:key/b", "arn:aws:kms:us-east-1:111122223333:key/c"}, "", func(c tierspec.ContentType) any { return c.QueueKey }},
	{"capacity", "min", [3]string{"2", "3", "4"}, "1", func(c tierspec.ContentType) any { return c.MinCapacity }},
	{"capacity", "max", [3]string{"21", "22", "23"}, "20", func(c tierspec.ContentType) any { return c.MaxCapacity }},
	{"scaleOut", "targetLatency", [3]string{"11m0s", "12m0s", "13m0s"}, "10m0s", func(c tierspec.ContentType) any { return c.ScaleOut.TargetLatency }},
	{"scaleOut", "meanJobTime", [3]string{"6m0s", "7m0s", "8m0s"}, "5m0s", func(c tierspec.ContentType) any { return c.ScaleOut.MeanJobTime }},
	{"scaleOut", "method", [3]string{"targetTracking", "steps", "targetTracking"}, "steps", func(c tierspec.ContentType) any {
		return map[bool]string{true: "targetTracking", false: "steps"}[c.ScaleOut.TargetTracking]
	}},
	{"scaleIn", "cpuBelow", [3]string{"71", "72", "73"}, "70", func(c tierspec.ContentType) any { return c.ScaleIn.CPUBelow }},
	{"scaleIn", "for", [3]string{"11m0s", "12m0s", "13m0s"}, "10m0s", func(c tierspec.ContentType) any { return c.ScaleIn.For }},
	{"scaleIn", "removePercent", [3]string{"11", "12", "13"}, "10", func(c tierspec.ContentType) any { return c.ScaleIn.RemovePercent }},
	{"spot", "percent", [3]string{"1", "2", "3"}, "0", func(c tierspec.ContentType) any { return c.SpotPercent }},
	{"spot", "drainOnRebalance", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.DrainOnRebalance }},
	{"spot", "onDemandBase", [3]string{"1", "2", "3"}, "0", func(c tierspec.ContentType) any { return c.OnDemandBase }},
	// A size would go with one on-demand instance type only; see TestWarmPoolOfALaterLayer.
	{"warmPool", "size", [3]string{"0", "0", "0"}, "0", func(c tierspec.ContentType) any { return c.WarmPool.Size }},
	{"warmPool", "state", [3]string{"running", "stopped", "running"}, "stopped", func(c tierspec.ContentType) any {
		return map[bool]string{true: "running", false: "stopped"}[c.WarmPool.Running]
	}},
	{"", "schedule", [3]string{"{a: {cron: 0 7 * * *, min: 3}}", "{b: {cron: 0 8 * * *, min: 4}}", "{c: {cron: 0 9 * * *, min: 4}}"}, "", func(c tierspec.ContentType) any {
		text := ""
		for _, s := range c.Schedule {
			text += fmt.Sprintf("{%s: {cron: %s, min: %d}}", s.Name, s.Cron, *s.Min)
		}
		return text
	}},
	{"", "protectBusy", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.ProtectBusy }},
	{"hardening", "writableCode", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.Hardening.WritableCode }},
	{"hardening", "namespaces", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.Hardening.Namespaces }},
	{"hardening", "devices", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.Hardening.Devices }},
	{"watch", "port", [3]string{"9464", "9465", "9466"}, "0", func(c tierspec.ContentType) any { return c.Watch.Port }},
	{"watch", "graphite", [3]string{"a:2003", "b:2003", "c:2003"}, "", func(c tierspec.ContentType) any { return c.Watch.Graphite }},
	{"watch", "emf", [3]string{"true", "false", "true"}, "false", func(c tierspec.ContentType) any { return c.Watch.EMF }},
	{"job", "lease", [3]string{"1m1s", "1m2s", "1m3s"}, "1m0s", func(c tierspec.ContentType) any { return c.Job.Lease }},
	{"job", "heartbeat", [3]string{"21s", "22s", "23s"}, "20s", func(c tierspec.ContentType) any { return c.Job.Heartbeat }},
	{"job", "sweep", [3]string{"31s", "32s", "33s"}, "30s", func(c tierspec.ContentType) any { return c.Job.Sweep }},
	{"job", "checkpoint", [3]string{"11s", "12s", "13s"}, "10s", func(c tierspec.ContentType) any { return c.Job.Checkpoint }},
	{"job", "drainBudget", [3]string{"1m1s", "1m2s", "1m3s"}, "1m0s", func(c tierspec.ContentType) any { return c.Job.DrainBudget }},
	{"job", "stall", [3]string{"1m1s", "1m2s", "1m3s"}, "1h0m0s", func(c tierspec.ContentType) any { return c.Job.Stall }},
	{"job.failures", "limit", [3]string{"11", "12", "13"}, "10", func(c tierspec.ContentType) any { return c.Retry.FailureLimit }},
	{"job.failures", "firstPause", [3]string{"16s", "17s", "18s"}, "15s", func(c tierspec.ContentType) any { return c.Retry.FirstPause }},
	{"job.failures", "longestPause", [3]string{"7h0m0s", "8h0m0s", "9h0m0s"}, "6h0m0s", func(c tierspec.ContentType) any { return c.Retry.LongestPause }},
	{"boot", "timeout", [3]string{"11m0s", "12m0s", "13m0s"}, "10m0s", func(c tierspec.ContentType) any { return c.Boot.Timeout }},
	{"boot", "keepFailed", [3]string{"16m0s", "17m0s", "18m0s"}, "15m0s", func(c tierspec.ContentType) any { return c.Boot.KeepFailed }},
}

// Whatever subset of the settings each layer has: the last layer that has one wins, key by key.
func TestLastLayerWinsKeyByKey(t *testing.T) {
	random, dir := rand.New(rand.NewPCG(1, 2)), folder(t)
	for range 300 {
		var layers [4]string
		var last []int // which value of each setting the last layer has: any, so that it is told from each other layer's
		want := make([]string, len(everySetting))
		present := make([][4]bool, len(everySetting))
		for i, s := range everySetting {
			want[i] = s.builtin
			last = append(last, random.IntN(3))
			for layer := range layers {
				if random.IntN(2) == 0 {
					present[i][layer] = true
					want[i] = s.values[valueOf(layer, last[i])]
				}
			}
		}
		for layer := range layers {
			layers[layer] = render(layer, present, last)
		}
		text := fmt.Sprintf(`name: tier
chef: {distribution: cinc, version: "18"}
defaults: {%s}
environments:
  dev: {account: "111122223333", region: us-east-1, disposable: true, defaults: {%s}, contentTypes: {docs: {%s}}}
contentTypes:
  docs: {processor: backup, %s}
`, layers[0], layers[1], layers[3], layers[2])
		r := &report{file: "tier.yaml"}
		tier := read(r, []byte(text), checker{dir: dir, sources: true}, "")
		if len(r.problems) > 0 {
			t.Fatalf("%s\n%v", text, Problems(r.problems))
		}
		for i, s := range everySetting {
			if got := fmt.Sprint(s.resolved(tier.ContentTypes[0])); got != want[i] {
				t.Fatalf("%s.%s is %s, want %s in\n%s", s.group, s.key, got, want[i], text)
			}
		}
	}
}

func TestWarmPoolOfALaterLayer(t *testing.T) {
	tier, _, err := load(t, edited(t, []edit{{top, "defaults: {warmPool: {size: 2}}\n" + top}, {docs, docs + ", warmPool: {size: 5}"}}), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := tier.ContentTypes[0].WarmPool; got != (tierspec.WarmPool{Size: 5}) {
		t.Errorf("warm pool %+v, want the content type's own 5", got)
	}
}

// Statements that every type needs, such as those for a company's key, are not written again in a type that has some of its
// own. An override replaces the type's own only.
func TestStatementsOfDefaultsApplyBesideATypesOwn(t *testing.T) {
	statement := func(action string) string { return `[{actions: ["` + action + `"], resources: ["*"]}]` }
	inDefaults, own := ", defaults: {policyStatements: "+statement("b:B")+"}", ", policyStatements: "+statement("c:C")
	replaced := ", contentTypes: {docs: {policyStatements: " + statement("d:D") + "}}"
	for name, c := range map[string]struct {
		environment, contentType string
		want                     []string
	}{
		"of the file":            {"", "", []string{"a:A"}},
		"of the environment too": {inDefaults, "", []string{"a:A", "b:B"}},
		"beside the type's":      {inDefaults, own, []string{"a:A", "b:B", "c:C"}},
		"beside an override":     {inDefaults + replaced, own, []string{"a:A", "b:B", "d:D"}},
	} {
		tier, _, err := load(t, edited(t, []edit{{top, "defaults: {policyStatements: " + statement("a:A") + "}\n" + top}, {env, env + c.environment}, {docs, docs + c.contentType}}), "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range tier.ContentTypes[0].Policy {
			got = append(got, p.Actions...)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// valueOf is the index of the value that a layer has.
func valueOf(layer, last int) int {
	if layer == 3 {
		return last
	}
	return layer
}

// render writes the settings that a layer has as the inside of a flow mapping.
func render(layer int, present [][4]bool, last []int) string {
	groups, order := map[string][]string{}, []string{}
	add := func(group, text string) {
		if !slices.Contains(order, group) {
			order = append(order, group)
		}
		groups[group] = append(groups[group], text)
	}
	for i, s := range everySetting {
		if present[i][layer] {
			add(s.group, s.key+": "+s.values[valueOf(layer, last[i])])
		}
	}
	for _, group := range slices.Clone(order) {
		if outer, inner, nested := strings.Cut(group, "."); nested {
			add(outer, inner+": {"+strings.Join(groups[group], ", ")+"}")
		}
	}
	var parts []string
	for _, group := range order {
		inside := strings.Join(groups[group], ", ")
		switch {
		case strings.Contains(group, "."): // stands in its outer group
			continue
		case group != "":
			inside = group + ": {" + inside + "}"
		}
		parts = append(parts, inside)
	}
	return strings.Join(parts, ", ")
}

// A setting that is added to settings without a line in the table above would go untested.
func TestEverySettingIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, s := range everySetting {
		known[strings.TrimPrefix(s.group+"."+s.key, ".")] = true
	}
	for _, path := range leaves[settings]() {
		if !known[path] {
			t.Errorf("setting %s is not in the table", path)
		}
		delete(known, path)
	}
	for path := range known {
		t.Errorf("the table has %s, which is no setting", path)
	}
}

// leaves are the paths of all single values of a section.
func leaves[T any]() []string { return leavesOf(reflect.TypeFor[T]()) }

func leavesOf(t reflect.Type) []string {
	var paths []string
	for _, r := range rules(t) {
		field := t.FieldByIndex(r.index).Type
		if _, isLeaf := reflect.Zero(field).Interface().(interface{ state() leaf }); isLeaf {
			paths = append(paths, r.name)
			continue
		}
		for _, inner := range leavesOf(field) {
			paths = append(paths, r.name+"."+inner)
		}
	}
	return paths
}
