package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// described is a worker whose processor "sites" has options.
var described = contract.Description{Processors: []contract.ProcessorDescription{
	{Name: "backup", Version: 1},
	{Name: "sites", Version: 1, Options: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "required": ["rate"],
		"properties": {
			"rate": {"type": "integer", "minimum": 1},
			"hosts": {"type": "array", "items": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {"name": {"type": "string"}, "ca": {"type": "string"}}}}
		}}`)},
}}

// describes is a worker that answers so.
func describes(d contract.Description, err error) checker {
	return checker{sources: true, describe: func(_ context.Context, _ string, w tierspec.Worker) (contract.Description, error) {
		if w != (tierspec.Worker{Package: "./worker"}) {
			return d, fmt.Errorf("asked for the worker %+v", w)
		}
		return d, err
	}}
}

// loadOptions reads the minimal file with a content type "sites" and edits.
func loadOptions(t *testing.T, options string, c checker, edits ...edit) (*tierspec.Tier, []Warning, error) {
	t.Helper()
	text := edited(t, append([]edit{{docs, "sites: {processor: sites, options: " + options + "}\n  " + docs}, {top, "worker: {processors: [sites]}\n" + top}}, edits...))
	t.Chdir(folder(t))
	if err := os.WriteFile("tier.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return loadFrom("tier.yaml", "", c)
}

func TestOptionsAreCheckedWithTheirPlace(t *testing.T) {
	override := edit{env, env + ", contentTypes: {sites: {options: {rate: 3}}}"}
	for name, c := range map[string]struct {
		options string
		edits   []edit
		want    []string
	}{
		"right":    {`{rate: 7, hosts: [{name: "a", ca: b}]}`, nil, nil},
		"override": {`{rate: 7}`, []edit{override}, nil},
		"four": {`{rat: 7, hosts: [{name: a}, {nam: 5}, {name: 6}]}`, nil, []string{
			"7:38: contentTypes.sites.options.rate: is missing",
			"7:39: contentTypes.sites.options.rat: unknown key (allowed: hosts, rate; did you mean rate?)",
			"7:66: contentTypes.sites.options.hosts[1].name: is missing",
			"7:67: contentTypes.sites.options.hosts[1].nam: unknown key (allowed: ca, name; did you mean name?)",
			"7:83: contentTypes.sites.options.hosts[2].name: must be text, not a number",
		}},
		"of an environment": {`{rate: 7}`, []edit{{env, env + ", contentTypes: {sites: {options: {rate: 0}}}"}}, []string{
			"5:110: environments.dev.contentTypes.sites.options.rate: must be at least 1, not 0",
		}},
		"none to have": {`{rate: 7}`, []edit{{"processor: backup", "processor: backup, options: {a: 1}"}}, []string{
			"8:29: contentTypes.docs.options: processor backup has no options (leave them out)",
		}},
		"no JSON": {`{rate: 0x10, a: .inf, b: null, c: ["${Token["], rate: 1}`, nil, []string{
			"7:45: contentTypes.sites.options.rate: 0x10 is a number that JSON does not have (write it in decimal, or in quotes as text)",
			"7:54: contentTypes.sites.options.a: .inf is a number that JSON does not have (write it in decimal, or in quotes as text)",
			"7:63: contentTypes.sites.options.b: has no value (give it one or leave the key out)",
			`7:73: contentTypes.sites.options.c[0]: holds "${Token[", which the CDK or CloudFormation takes for a reference of its own (leave it out)`,
			"7:86: contentTypes.sites.options.rate: is given twice (first in line 7)",
		}},
		"a list":  {`[a]`, nil, []string{"7:38: contentTypes.sites.options: must be a mapping of keys to values, not a list"}},
		"a text":  {`a`, nil, []string{"7:38: contentTypes.sites.options: must be a mapping of keys to values, not the text \"a\""}},
		"nothing": {``, nil, []string{"7:38: contentTypes.sites.options: has no value (give it one or leave the key out)"}},
		"no such processor": {`{rate: 7}`, []edit{{"processors: [sites]", "processors: [sites, sights]"}, {"processor: sites", "processor: sights"}}, []string{
			`7:22: contentTypes.sites.processor: the worker has no processor "sights" (it has backup, sites)`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := loadOptions(t, c.options, describes(described, nil), c.edits...)
			if diff := cmp.Diff(c.want, problemLines(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsResolve(t *testing.T) {
	tier, _, err := loadOptions(t, `{rate: 7, hosts: [{name: "1", day: 2030-01-02, deep: {t: true, f: 1.50, i: -3}}]}`, checker{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"hosts":[{"day":"2030-01-02","deep":{"f":1.50,"i":-3,"t":true},"name":"1"}],"rate":7}`
	if got := string(tier.ContentTypes[1].Options); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := tier.ContentTypes[0].Options; got != nil {
		t.Errorf("a content type without options has %s", got)
	}
	tier, _, err = loadOptions(t, `{rate: 7, hosts: []}`, describes(described, nil), edit{env, env + ", contentTypes: {sites: {options: {rate: 3}}}"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tier.ContentTypes[1].Options); got != `{"rate":3}` {
		t.Errorf("options of the environment: %s", got)
	}
}

func TestWorkerThatDescribesNothing(t *testing.T) {
	_, _, err := loadOptions(t, `{rate: 7}`, describes(described, errors.New("build the worker:\n\tmain.go:3:1: oops")))
	if diff := cmp.Diff([]string{"1:1: worker.package: options cannot be checked: build the worker: main.go:3:1: oops"}, problemLines(t, err)); diff != "" {
		t.Errorf("a worker that cannot be built (-want +got):\n%s", diff)
	}
	tier, warnings, err := loadOptions(t, `{rate: 7}`, describes(described, bundle.ErrOtherMachine))
	if err != nil || tier == nil || !strings.Contains(fmt.Sprint(warnings), "options are checked when instances boot: the worker is for another machine") {
		t.Errorf("a worker for another machine: warnings %v, error %v", warnings, err)
	}
}

// The worker is built and run only where there are options to check.
func TestWithoutOptionsNoWorkerIsBuilt(t *testing.T) {
	called := false
	c := checker{sources: true, describe: func(context.Context, string, tierspec.Worker) (contract.Description, error) {
		called = true
		return described, nil
	}}
	t.Chdir(folder(t))
	if err := os.WriteFile("tier.yaml", []byte(minimal), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadFrom("tier.yaml", "", c); err != nil || called {
		t.Errorf("called %t, error %v", called, err)
	}
}

// Load asks the worker that the file names.
func TestLoadBuildsTheWorker(t *testing.T) {
	text := edited(t, []edit{{docs, docs + ", options: {a: 1}"}})
	t.Chdir(folder(t))
	for name, content := range map[string]string{
		"tier.yaml":      text,
		"go.mod":         "module example.com/tier\n\ngo 1.26\n",
		"worker/main.go": "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(`{\"processors\": [{\"name\": \"backup\", \"options\": {\"required\": [\"b\"]}}]}`) }\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := Load("tier.yaml", "")
	if diff := cmp.Diff([]string{"6:38: contentTypes.docs.options.b: is missing"}, problemLines(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
