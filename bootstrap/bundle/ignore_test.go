package bundle_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
)

// packedOf are the files in the archive of a folder that holds files with these names.
func packedOf(t *testing.T, ignore string, files ...string) []string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range files {
		write(t, filepath.Join(folder, filepath.FromSlash(name)), name)
	}
	if ignore != "" {
		write(t, filepath.Join(folder, bundle.IgnoreFile), ignore)
	}
	reader, err := zip.OpenReader(pack(t, folder).Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	names := []string{}
	for _, file := range reader.File {
		names = append(names, file.Name)
	}
	return names
}

func TestRubbishIsNotPacked(t *testing.T) {
	got := packedOf(t, "", ".DS_Store", "lib/.DS_Store", "lib/__pycache__/a.cpython-311.pyc", "a.pyc", ".main.py.swp", "main.py~", ".git/config", "sub/.git/HEAD",
		".idea/x.xml", ".pytest_cache/v/cache", "._main.py",
		"main.py", "lib/a.py", ".profile", "node_modules/a/index.js", "git/a", ".gitignore", "a.swp")
	if diff := cmp.Diff([]string{".gitignore", ".profile", "a.swp", "git/a", "lib/a.py", "main.py", "node_modules/a/index.js"}, got); diff != "" {
		t.Errorf("packed (-want +got):\n%s", diff)
	}
}

func TestIgnoreFile(t *testing.T) {
	for name, c := range map[string]struct {
		ignore string
		files  []string
		want   []string
	}{
		"a folder":                {"tests\n", []string{"main.py", "tests/a.py", "lib/tests/a.py"}, []string{"lib/tests/a.py", "main.py"}},
		"anywhere, with comments": {"# logs\n\n**/*.log\n", []string{"a.log", "lib/b.log", "main.py"}, []string{"main.py"}},
		"but one":                 {"data\n!data/keep.csv\n", []string{"data/keep.csv", "data/other.csv", "main.py"}, []string{"data/keep.csv", "main.py"}},
		"rubbish that is needed":  {"!**/*.pyc\n!**/__pycache__\n", []string{"__pycache__/a.pyc", "a.pyc", ".git/x"}, []string{"__pycache__/a.pyc", "a.pyc"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, packedOf(t, c.ignore, c.files...)); diff != "" {
				t.Errorf("packed (-want +got):\n%s", diff)
			}
		})
	}
}

// What is left out may be what could not be packed: a link to a folder.
func TestIgnoredLinkIsNoError(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "a"), "a")
	write(t, filepath.Join(folder, bundle.IgnoreFile), "venv\n")
	if err := os.Symlink(t.TempDir(), filepath.Join(folder, "venv")); err != nil {
		t.Fatal(err)
	}
	if wrong, err := bundle.Check(folder); err != nil || len(wrong) > 0 {
		t.Errorf("found wrong: %v, %v", wrong, err)
	}
	pack(t, folder)
}

func TestIgnoreFileThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, bundle.IgnoreFile), "[a-\n")
	if _, err := bundle.Pack(folder, t.TempDir()); err == nil || !strings.Contains(err.Error(), bundle.IgnoreFile) {
		t.Errorf("error %v", err)
	}
}
