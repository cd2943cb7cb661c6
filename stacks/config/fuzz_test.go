package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Any bytes either resolve to a tier that keeps every promise of its types, or are refused with
// problems that all stand on a line of the file.
func FuzzRead(f *testing.F) {
	for _, path := range []string{"../../worker-tier.yaml", "testdata/mistakes.yaml", "testdata/full.yaml", "../testdata/worker-tier.yaml", "../testdata/odd/worker-tier.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "dev")
		f.Add(text, "")
	}
	for _, table := range []map[string]mistake{mistakes, deploymentMistakes, warnings} {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			text, _ := marked(edited(f, table[name].edits), nil)
			f.Add([]byte(text), "")
		}
	}
	f.Add([]byte(minimal), "")
	dir := folder(f)
	f.Fuzz(func(t *testing.T, text []byte, environment string) {
		r := &report{file: "tier.yaml"}
		tier := read(r, text, checker{dir: dir, sources: true}, environment)
		lines := 1 + strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + strings.Count(string(text), "\u0085") + strings.Count(string(text), "\u2028") + strings.Count(string(text), "\u2029")
		for _, p := range slices.Concat(r.problems, r.warnings) {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Text == "" || strings.ContainsAny(p.String(), "\n\r") {
				t.Errorf("bad problem %q in a file of %d lines", p, lines)
			}
		}
		if (tier == nil) != (len(r.problems) > 0) {
			t.Fatalf("tier %v with problems %v", tier, r.problems)
		}
		if tier != nil {
			if err := errors.Join(promises(tier), built(tier)); err != nil {
				t.Error(err)
			}
		}
	})
}

// built makes of a tier all that is made of it before the CDK is asked for anything.
func built(tier *tierspec.Tier) error {
	var broken []error
	for _, c := range tier.ContentTypes {
		params := scaling.Params{
			Processes: c.ProcessesPerInstance, TargetLatency: c.ScaleOut.TargetLatency, MeanJobTime: c.ScaleOut.MeanJobTime,
			CPUBelow: c.ScaleIn.CPUBelow, CPUFor: c.ScaleIn.For, RemovePercent: c.ScaleIn.RemovePercent,
			MinCapacity: c.LowestMin(), MaxCapacity: c.HighestMax(),
		}
		alarms := []scaling.Alarm{scaling.ScaleOut(params), scaling.ScaleIn(params), scaling.Late(params), scaling.Silent(), scaling.AtMax(), scaling.Zombies()}
		for _, alarm := range alarms {
			const longestEvaluation = 86400 // seconds, for periods of a minute
			if len(alarm.Policy.Steps) > 20 || alarm.Periods < 1 || alarm.Periods*scaling.Period > longestEvaluation {
				broken = append(broken, fmt.Errorf("%s: CloudWatch takes no alarm of %d periods and %d steps", alarm.Description, alarm.Periods, len(alarm.Policy.Steps)))
			}
		}
		if c.ScaleOut.TargetTracking && scaling.Track(params).Target <= 0 {
			broken = append(broken, fmt.Errorf("%s: a target of %v", c.Name, scaling.Track(params).Target))
		}
		for _, folder := range []string{c.Files, c.Cookbooks} {
			if folder == "" {
				continue
			}
			if _, err := bundle.Pack(filepath.Join(tier.Dir, folder), filepath.Join(tier.Dir, "archives")); err != nil {
				broken = append(broken, err)
			}
		}
	}
	return errors.Join(broken...)
}

// promises checks what the comments of tier.go say.
func promises(tier *tierspec.Tier) error {
	var broken []error
	hold := func(holds bool, what string) {
		if !holds {
			broken = append(broken, errors.New(what))
		}
	}
	env := tier.Environment
	text, err := json.Marshal(tier)
	hold(err == nil && !reference.Match(text), "a text that the CDK or CloudFormation replaces")
	hold(tier.Name != "" && env.Name != "" && env.Network.Mode != "", "a name or the network mode is empty")
	hold(env.Account == "" || len(env.Account) == 12, "account has not twelve digits")
	hold(len(env.AvailabilityZones) != 1, "one zone")
	hold((env.BaseImage.AMI == "") != (env.BaseImage.SSMParameter == ""), "not exactly one image")
	hold((tier.Worker.Package == "") != (tier.Worker.File == ""), "not exactly one worker")
	hold(tier.Chef.AcceptLicense == (tier.Chef.Distribution == "chef"), "Chef's licence")
	hold(slices.IsSortedFunc(tier.ContentTypes, func(a, b tierspec.ContentType) int { return strings.Compare(a.Name, b.Name) }), "content types are not sorted")
	for _, c := range tier.ContentTypes {
		const longestStackName = 128
		hold(len(tier.Name+"-"+env.Name+"-"+c.Name) <= longestStackName, "stack name")
		hold(c.Job.Lease >= 2*c.Job.Heartbeat && c.Job.Heartbeat > 0 && c.Job.Sweep > 0 && c.Job.Checkpoint > 0, "job timing")
		hold(c.TerminationHookTimeout() <= tierspec.LongestHook && c.Boot.Timeout < c.Boot.LaunchHookTimeout() && c.Boot.LaunchHookTimeout() <= tierspec.LongestHook, "lifecycle hooks")
		hold(c.MinCapacity <= c.MaxCapacity && c.MaxCapacity > 0, "capacity")
		hold(c.ProcessesPerInstance > 0 && len(c.InstanceTypes) > 0 && c.Role != "" && c.Processor != "", "a setting is empty")
		hold((c.Processor == "exec") == (len(c.Command) > 0), "command")
		for _, instanceType := range c.InstanceTypes {
			hold(tierspec.ArchitectureOf(instanceType) == c.Architecture, "architecture")
		}
	}
	return errors.Join(broken...)
}
