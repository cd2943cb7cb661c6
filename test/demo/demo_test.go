package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCopiedConfigLeadsBackToTheProject(t *testing.T) {
	o, err := readOptions(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(o.root, ".build"), 0o755); err != nil {
		t.Fatal(err)
	}
	if o.dir, err = os.MkdirTemp(filepath.Join(o.root, ".build"), "demo-test-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(o.dir) })
	c, err := copyConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	before := len(c.tier.ContentTypes)
	lines, err := c.addType()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(lines, "\n"); n != 6 || len(c.tier.ContentTypes) != before+1 {
		t.Errorf("%d lines added %d content types, want 6 and 1", n, len(c.tier.ContentTypes)-before)
	}
	added, err := c.contentType(addedType)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(o.dir, added.Files, "inventory.py")); err != nil {
		t.Errorf("the added type's program: %v", err)
	}
}
