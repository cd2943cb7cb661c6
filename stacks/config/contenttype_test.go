package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/tierspec"
)

// What is made without a file is what a file makes that says nothing more.
func TestNewContentTypeHasTheDefaultsOfTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "worker"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "worker-tier.yaml")
	text := "name: tier\nchef: {distribution: cinc, version: \"18\"}\nenvironments: {dev: {account: \"111122223333\", region: us-east-1, disposable: true}}\ncontentTypes: {mail: {processor: backup}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tier, _, err := Load(file, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tier.ContentTypes[0], tierspec.NewContentType("mail", "backup")); diff != "" {
		t.Errorf("-file +without one:\n%s", diff)
	}
}
