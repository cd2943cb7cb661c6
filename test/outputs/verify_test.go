package outputs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerificationSeesEveryDifference is about the judge of backups: each fault in a snapshot must fail it.
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
