package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/internal/operator"
)

// chefRepository runs the command on a configuration with these content types.
func chefRepository(t *testing.T, contentTypes string) (dir string, status int, stderr string) {
	t.Helper()
	parent := t.TempDir()
	for name, text := range map[string]string{
		"worker-tier.yaml": "name: tier\nchef: {distribution: cinc, version: \"18\", server: {url: https://chef.example.com, organization: acme, validatorSecret: chef/validator}}\n" +
			"worker: {package: example.com/worker}\nenvironments: {dev: {account: \"111122223333\", region: us-east-1, disposable: true}}\ncontentTypes: " + contentTypes + "\n",
		"cookbooks/imap/metadata.rb":       "name 'imap'\n",
		"cookbooks/imap/recipes/tools.rb":  "package 'offlineimap'\n",
		"cookbooks/imap/recipes/other.rb":  "\n",
		"cookbooks/imap/files/default.txt": "\n",
	} {
		file := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	dir = filepath.Join(parent, "chef-repo")
	status = run(t.Context(), &session{out: operator.Printer{To: &out}, err: operator.Printer{To: &errs}}, []string{"--config", filepath.Join(parent, "worker-tier.yaml"), "chef", "--out", dir})
	return dir, status, errs.String()
}

// The repository needs no AWS account, and holds all that the server must have.
func TestChefRepositoryHoldsCookbooksAndRoles(t *testing.T) {
	dir, status, stderr := chefRepository(t, "{mail: {processor: backup, cookbooks: cookbooks, runList: ['recipe[imap::tools]']}, docs: {processor: backup}}")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	lists := map[string][]string{}
	roles, err := filepath.Glob(filepath.Join(dir, "roles", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range roles {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var role struct {
			Name    string
			Type    string   `json:"chef_type"`
			RunList []string `json:"run_list"`
		}
		if err := json.Unmarshal(text, &role); err != nil || role.Type != "role" || role.Name+".json" != filepath.Base(file) {
			t.Errorf("%s: %+v, %v", file, role, err)
		}
		lists[role.Name] = role.RunList
	}
	if diff := cmp.Diff(map[string][]string{
		"worker-base": {"recipe[worker::base]"},
		"worker-docs": {"role[worker-base]", "recipe[worker]"},
		"worker-mail": {"role[worker-base]", "recipe[imap::tools]", "recipe[worker]"},
	}, lists); diff != "" {
		t.Errorf("run lists (-want +got):\n%s", diff)
	}
	for _, name := range []string{"cookbooks/worker/recipes/base.rb", "cookbooks/worker/metadata.rb", "cookbooks/imap/recipes/tools.rb", "cookbooks/imap/files/default.txt"} {
		if _, err := fs.Stat(os.DirFS(dir), name); err != nil {
			t.Error(err)
		}
	}
}

func TestChefRepositoryIsWholeOrNotThere(t *testing.T) {
	dir, status, stderr := chefRepository(t, "{mail: {processor: backup, role: box, cookbooks: cookbooks, runList: ['recipe[imap::tools]']}, docs: {processor: backup, role: box}}")
	if want := "content types docs and mail share the role box and have different run lists"; status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %q, want %q", status, stderr, want)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written")
	}
	var errs bytes.Buffer
	s := &session{out: operator.Printer{To: &errs}, err: operator.Printer{To: &errs}}
	if got := run(t.Context(), s, []string{"--config", filepath.Join(filepath.Dir(dir), "worker-tier.yaml"), "chef", "--out", filepath.Dir(dir)}); got != 1 || !strings.Contains(errs.String(), "exists: name a folder that does not") {
		t.Errorf("status %d, %q", got, errs.String())
	}
}
