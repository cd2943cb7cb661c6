//go:build bootstraptest

package userdata_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// without is a user-data script whose document lacks a value.
func without(t *testing.T, script string, path ...string) string {
	t.Helper()
	before, rest, _ := strings.Cut(script, "<<'"+contract.FirstBootMarker+"'\n")
	text, after, _ := strings.Cut(rest, "\n"+contract.FirstBootMarker+"\n")
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	parent := document
	for _, key := range path[:len(path)-1] {
		parent, _ = parent[key].(map[string]any)
	}
	if _, there := parent[path[len(path)-1]]; !there {
		t.Fatalf("the document has no %v to leave out", path)
	}
	delete(parent, path[len(path)-1])
	changed, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return before + "<<'" + contract.FirstBootMarker + "'\n" + string(changed) + "\n" + contract.FirstBootMarker + "\n" + after
}

// A document that lacks a value, as one of another release may, fails the boot in one line that names it.
func TestEachValueMissingInTurn(t *testing.T) {
	onServer := func(p *userdata.Props) {
		p.Chef.Server = &tierspec.ChefServer{URL: "https://chef.example.com", ValidatorSecret: "chef/validator"}
	}
	withPackage := func(p *userdata.Props) {
		p.Chef.Package = &tierspec.ChefPackage{URL: "https://packages.example.com/cinc.rpm", SHA256: strings.Repeat("0", 64)}
	}
	for _, c := range []struct {
		missing string
		change  func(*userdata.Props)
		tools   map[string]string
	}{
		{"run_list", nil, client},
		{"worker_tier.run_list", nil, client},
		{"worker_tier.files.bucket", nil, client},
		{"worker_tier.files.sha256", nil, client},
		{"worker_tier.cookbooks.bucket", nil, client},
		{"worker_tier.cookbooks.sha256", nil, client},
		{"worker_tier.chef.client", nil, client},
		{"worker_tier.chef.package.sha256", withPackage, nil},
		{"worker_tier.chef.server.validator", onServer, client},
		{"worker_tier.chef.server.validator_secret", onServer, client},
		{"worker_tier.environment.WORKER_CONTENT_TYPE", onServer, client},
	} {
		t.Run(c.missing, func(t *testing.T) {
			m := newMachine(t, c.tools)
			p := m.pool(t)
			if c.change != nil {
				c.change(&p)
			}
			if out, err := m.cloudInit(t, without(t, userdata.Render(p), strings.Split(c.missing, ".")...)); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			said, ok := m.serve(t)
			m.failed(t, said, ok, ": the first-boot document has no "+c.missing)
		})
	}
}

// Nor does a script go on without a variable of its own.
func TestEachVariableMissingInTurn(t *testing.T) {
	m := newMachine(t, client)
	script := userdata.Render(m.pool(t))
	if err := os.Mkdir(filepath.Join(m.root, "opt", "worker-tier"), 0o755); err != nil {
		t.Fatal(err)
	}
	for variable, assignment := range map[string]string{"home": "home=/opt/worker-tier ", "run": " run=/run/worker-tier", contract.BundleVariable: "\n" + contract.BundleVariable + "='s3://assets/bundle.zip'"} {
		broken := strings.Replace(script, assignment, "", 1)
		if broken == script {
			t.Fatalf("no %q in the script", assignment)
		}
		m.write(t, "part-001", broken, 0o755)
		if out, err := m.enter(t.Context(), "/part-001 boot"); err == nil || !strings.Contains(out, variable+": unbound variable") {
			t.Errorf("without %s: %v\n%s", variable, err, out)
		}
	}
	m.write(t, "part-001", script, 0o755)
	for command, want := range map[string]string{"/part-001 ended": "SERVICE_RESULT: unbound variable", "/bin/bash /bootstrap": "run: is set by user-data", "/bin/bash /leave": "1: is the name of cinc-apply or chef-apply"} {
		m.write(t, "bootstrap", string(userdata.Bootstrap), 0o644)
		m.write(t, "leave", string(userdata.ChefLeave), 0o644)
		if out, err := m.enter(t.Context(), command); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, want %q\n%s", command, err, want, out)
		}
	}
}
