package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

var update = flag.Bool("update", false, "rewrite the committed schema and expected outputs")

// minimal is the shortest file that is right.
const minimal = `name: tier
chef: {distribution: cinc, version: "18"}
environments:
  dev: {account: "111122223333", region: us-east-1, disposable: true}
contentTypes:
  docs: {processor: backup}
`

// folder is a new directory that holds what files may name: a worker, a program and a released binary.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"worker", "program", "cookbooks/imap/recipes", "recipes/tools", "links"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"released": "binary\n", "cookbooks/imap/metadata.rb": "name 'imap'\n", "cookbooks/imap/recipes/tools.rb": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"linked": "program", "links/elsewhere": "../program", "links/gone": "nowhere", "links/released": "../released"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load writes text as tier.yaml into a new folder and loads it.
func load(t testing.TB, text, environment string) (*tierspec.Tier, []Warning, error) {
	t.Helper()
	t.Chdir(folder(t)) // so that the file's name is short in messages
	if err := os.WriteFile("tier.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load("tier.yaml", environment)
}

// lines are the problems or warnings as printed, without the file's name.
func lines(problems []Problem) []string {
	var all []string // nil for none
	for _, p := range problems {
		all = append(all, strings.TrimPrefix(p.String(), "tier.yaml:"))
	}
	return all
}

func problemLines(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		t.Fatalf("error is a %T, not Problems: %v", err, err)
	}
	return lines(problems)
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMinimalFileResolvesToBuiltInDefaults(t *testing.T) {
	tier, warnings, err := load(t, minimal, "")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := &tierspec.Tier{
		Name: "tier",
		Dir:  dir,
		Docs: tierspec.Docs(),
		Environment: tierspec.Environment{
			Name:       "dev",
			Account:    "111122223333",
			Region:     "us-east-1",
			Disposable: true,
			Network:    tierspec.Network{Mode: tierspec.Public},
			BaseImage:  tierspec.BaseImage{SSMParameter: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64", RootDevice: "/dev/xvda"},
		},
		Chef:         tierspec.Chef{Distribution: "cinc", Version: "18"},
		Worker:       tierspec.Worker{Package: "./worker"},
		ContentTypes: []tierspec.ContentType{tierspec.NewContentType("docs", "backup")},
	}
	if diff := cmp.Diff(want, tier); diff != "" {
		t.Errorf("tier (-want +got):\n%s", diff)
	}
	wantWarnings := []string{"2:22: chef.package: is missing, and Amazon's image holds no Chef client (instances could not configure themselves)"}
	if diff := cmp.Diff(wantWarnings, lines(warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestEveryKeyResolves(t *testing.T) {
	tier, warnings, err := load(t, testdata(t, "full.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 0 {
		t.Errorf("warnings: %v", warnings)
	}
	want := tierspec.ContentType{
		Name:                 "convert",
		Processor:            "exec",
		Command:              []string{"nice", "-n", "5", "nice", "bin/convert"},
		Files:                "program",
		Variables:            map[string]string{"LEVEL": "8", "EMPTY": "", "FLAG": "yes", "VERSION": "1.10"},
		Secrets:              []string{"imap-prod"},
		Reads:                []string{"thumbnails"},
		Policy:               []tierspec.PolicyStatement{{Actions: []string{"s3:GetObject"}, Resources: []string{"*"}}},
		Producers:            []string{"arn:aws:iam::111122223333:role/web", "011122223333", "444455556666"},
		Tags:                 map[string]string{"team": "media", "level": "4", "owner": "media-prod", "cost-center": "4711"},
		Role:                 "converter",
		Cookbooks:            "cookbooks",
		RunList:              []string{"recipe[imap::tools]"},
		InstanceTypes:        []string{"c7i.large", "c7a.large"},
		Architecture:         tierspec.X8664,
		ProcessesPerInstance: 8,
		MemoryPerProcess:     1500,
		RootVolumeGiB:        100,
		Inbound:              []tierspec.Inbound{{Port: 9100, SecurityGroup: "sg-0123456789abcdef0"}, {Port: 9100, SecurityGroup: "sg-01234567"}},
		QueueKey:             "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
		MinCapacity:          2,
		MaxCapacity:          60,
		ScaleOut:             tierspec.ScaleOut{TargetLatency: time.Hour, MeanJobTime: 90 * time.Second, TargetTracking: true},
		ScaleIn:              tierspec.ScaleIn{CPUBelow: 70, For: 10 * time.Minute, RemovePercent: 10},
		SpotPercent:          60,
		OnDemandBase:         2,
		Schedule: []tierspec.Schedule{
			{Name: "day", Cron: "0 7 * * MON-FRI", TimeZone: "Europe/Berlin", Min: new(5), Max: new(90)},
			{Name: "night", Cron: "0 19 * * 1-5", TimeZone: "Etc/UTC", Min: new(1), Max: new(60)},
		},
		ProtectBusy: true,
		Hardening:   tierspec.Hardening{WritableCode: true, Namespaces: true, Devices: true},
		Watch:       tierspec.Watch{Port: 9100, Graphite: "carbon.example.com:2003", EMF: true},
		Job:         contract.Timing{Lease: 4 * time.Second, Heartbeat: time.Second, Sweep: 2 * time.Second, Checkpoint: 500 * time.Millisecond, DrainBudget: 1500 * time.Millisecond, Stall: time.Hour},
		Retry:       contract.Retry{FailureLimit: 3, FirstPause: time.Minute, LongestPause: 2 * time.Hour},
		Boot:        tierspec.Boot{Timeout: 21 * time.Minute, KeepFailed: time.Hour},
	}
	if diff := cmp.Diff(want, tier.ContentTypes[0]); diff != "" {
		t.Errorf("content type (-want +got):\n%s", diff)
	}
	slides := tier.ContentTypes[1]
	if slides.WarmPool != (tierspec.WarmPool{Size: 3, Running: true}) || slides.ScaleIn != (tierspec.ScaleIn{CPUBelow: 50, For: 5 * time.Minute, RemovePercent: 20}) {
		t.Errorf("slides: warm pool %+v, scale in %+v", slides.WarmPool, slides.ScaleIn)
	}
	if got := tier.ContentTypes[2]; got.SpotPercent != 50 || !got.DrainOnRebalance {
		t.Errorf("thumbnails take %d per cent Spot (drain on rebalance: %t), want the default's 50 and true", got.SpotPercent, got.DrainOnRebalance)
	}
}

func TestEveryKeyOfAnEnvironmentResolves(t *testing.T) {
	tier, _, err := load(t, testdata(t, "full.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	wantChef := tierspec.Chef{
		Distribution: "chef", Version: "18.5.0", AcceptLicense: true,
		Package: &tierspec.ChefPackage{URL: "https://example.com/chef.rpm", SHA256: "f59ac0828b9a32293b348e398a0efd342b1e4377a687f3a9055ee2871dff35e4"},
		Server:  &tierspec.ChefServer{URL: "https://chef.example.com", Organization: "acme", ValidatorSecret: "chef/validator"},
	}
	if diff := cmp.Diff(wantChef, tier.Chef); diff != "" {
		t.Errorf("Chef (-want +got):\n%s", diff)
	}
	want := tierspec.Environment{
		Name:              "prod",
		Account:           "111122223333",
		Region:            "us-east-1",
		AlarmKey:          "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		Network: tierspec.Network{Mode: tierspec.Existing, VPC: "vpc-0123456789abcdef0", SubnetIDs: map[string]string{
			"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1",
		}},
		BaseImage:    tierspec.BaseImage{SSMParameter: "/images/base-x86_64", RootDevice: "/dev/sda1"},
		ImageBuilder: &tierspec.ImageBuilder{Architecture: tierspec.X8664, Schedule: "weekly", Keep: 12},
		Tags:         map[string]string{"owner": "media-prod", "level": "1", "cost-center": "4711"},
	}
	if diff := cmp.Diff(want, tier.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

// An operator's file stands alone: what is written in it is checked, and the sources that it names are not looked for.
func TestLoadFileNeedsNoSources(t *testing.T) {
	text := edited(t, []edit{{docs, docs + ", files: nowhere, cookbooks: none, runList: ['recipe[imap::tools]']"}, {top, "worker: {file: released, sha256: " + strings.Repeat("0a", 32) + "}\n" + top}})
	want, _, err := load(t, text, "")
	if err == nil || want != nil {
		t.Fatalf("loaded without its sources: %+v", want)
	}
	tier, _, err := LoadFile("tier.yaml", "dev")
	if err != nil {
		t.Fatal(err)
	}
	if got := tier.ContentTypes[0]; got.Files != "nowhere" || got.Cookbooks != "none" || tier.Worker.File != "released" {
		t.Errorf("%+v, %+v", got, tier.Worker)
	}
	if err := os.WriteFile("tier.yaml", []byte(strings.Replace(text, "files: nowhere", "files: /nowhere, capacity: {min: 30}", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err = LoadFile("tier.yaml", "dev")
	if got := problemLines(t, err); len(got) != 2 {
		t.Errorf("problems %q, want those of files and of capacity", got)
	}
}
