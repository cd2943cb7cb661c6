package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffIsReadStackByStack(t *testing.T) {
	const said = `start: Building a Template
Stack tier-local-shared (aws://000000000000/us-east-1)
There were no differences

Stack tier-local-docs (aws://000000000000/us-east-1)
Resources
[~] AWS::EC2::LaunchTemplate Pool/LaunchTemplate

Stack tier-local-mail (aws://000000000000/us-east-1)
There were no differences

✨  Number of stacks with differences: 1
`
	differ, same := readDiff(said)
	if diff := cmp.Diff([]string{"tier-local-docs"}, differ); diff != "" {
		t.Errorf("differing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tier-local-shared", "tier-local-mail"}, same); diff != "" {
		t.Errorf("unchanged (-want +got):\n%s", diff)
	}
}

// TestVerificationSeesEveryDifference is about the demo's judge: each fault in a snapshot must fail it.
func TestVerificationSeesEveryDifference(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "dir", "file"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dir/file", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func([]entry) []entry
		want   string // "": no error
	}{
		"nothing changed": {func(e []entry) []entry { return e }, ""},
		"other content":   {func(e []entry) []entry { e[1].At = 1; return e }, "bytes differ"},
		"shorter content": {func(e []entry) []entry { e[1].Length--; return e }, "bytes differ"},
		"other mode":      {func(e []entry) []entry { e[1].Mode = 0o600; return e }, "mode"},
		"other target":    {func(e []entry) []entry { e[2].Target = "dir"; return e }, "points to"},
		"other kind":      {func(e []entry) []entry { e[2].Kind = "file"; return e }, "in the tree"},
		"missing":         {func(e []entry) []entry { return e[:2] }, "not in the snapshot"},
		"twice":           {func(e []entry) []entry { return append(e, e[2]) }, "twice"},
		"too many":        {func(e []entry) []entry { return append(e, entry{Path: "more", Kind: "file"}) }, "no such file"},
		"a gap":           {func(e []entry) []entry { e[1].Offset = 3; return e }, "goes on at 3"},
		"a problem":       {func(e []entry) []entry { e[1].Problem = "vanished"; return e }, "vanished"},
	} {
		t.Run(name, func(t *testing.T) {
			v := verification{root: root, seen: map[string]bool{}}
			err := v.takeAll(c.change([]entry{
				{Path: "dir/", Kind: "dir", Mode: 0o755},
				{Path: "dir/file", Kind: "file", Mode: 0o644, Length: 5},
				{Path: "link", Kind: "symlink", Mode: 0o777, Target: "dir/file"},
			}), []byte("hello!"))
			if err == nil {
				err = v.complete()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

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
