// Package docs holds the documentation to its own rules: each claim about AWS says how it is known, by a mark that
// README.md explains, each command that the pages name is there, and each folder is in their lists.
package docs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	mark      = regexp.MustCompile(`\*\[([^\]]+)\]\*`)
	explained = regexp.MustCompile(`(?m)^\| \*\[([^\]]+)\]\* \|`) // a row of README.md's table
	command   = regexp.MustCompile("(?:`|^)make ([a-z][a-z-]*)")
	target    = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	laidOut   = regexp.MustCompile(`(?m)^([a-z]+)/[a-z/]*  +`)                  // a line of README.md's layout
	listed    = regexp.MustCompile(`(?m)^\| \[([a-z0-9]+)\]\(([a-z0-9]+)\) \|`) // a row of test/README.md's tables
)

// pages are the project's own Markdown files, by path from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, start := range []string{"README.md", "SECURITY.md", "bootstrap", "docs", "examples"} {
		err := filepath.WalkDir(filepath.Join("../..", start), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".md" {
				return err
			}
			text, err := os.ReadFile(path)
			found[strings.TrimPrefix(filepath.ToSlash(path), "../../")] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestMarksAreExplainedAndUsed(t *testing.T) {
	all := pages(t)
	known := map[string]int{}
	for _, m := range explained.FindAllStringSubmatch(all["README.md"], -1) {
		known[m[1]] = 0
	}
	if len(known) == 0 {
		t.Fatal("README.md explains no mark")
	}
	for path, text := range all {
		for _, m := range mark.FindAllStringSubmatch(text, -1) {
			for _, name := range strings.Split(m[1], ", ") {
				if _, ok := known[name]; !ok {
					t.Errorf("%s: %s is none of %v", path, m[0], slices.Sorted(maps.Keys(known)))
				}
				known[name]++
			}
		}
	}
	for name, uses := range known {
		if uses < 2 && name != "AWS" { // which nothing has yet
			t.Errorf("no page uses the mark %s", name)
		}
	}
}

func TestCommandsAreThere(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	for path, text := range pages(t) {
		for line := range strings.Lines(text) {
			for _, m := range command.FindAllStringSubmatch(line, -1) {
				if !targets[m[1]] {
					t.Errorf("%s: the Makefile has no target %s", path, m[1])
				}
			}
		}
	}
}

// What the targets install or write beside the project's own folders.
var notOurs = []string{"node_modules", "cdk.out"}

func TestFoldersAreListed(t *testing.T) {
	for _, c := range []struct {
		page, root string
		entry      *regexp.Regexp
	}{
		{"README.md", ".", laidOut},
		{"test/README.md", "test", listed},
	} {
		text, err := os.ReadFile(filepath.Join("../..", c.page))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range c.entry.FindAllStringSubmatch(string(text), -1) {
			got = append(got, m[1])
		}
		slices.Sort(got)
		if diff := cmp.Diff(folders(t, c.root), got); diff != "" {
			t.Errorf("%s does not list the folders of %s (-there +listed):\n%s", c.page, c.root, diff)
		}
	}
}

// folders are the names of the project's folders in one of them, in order.
func folders(t *testing.T, parent string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("../..", parent))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(notOurs, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}
