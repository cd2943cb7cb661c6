package bundle_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
)

func pack(t *testing.T, folder string) bundle.Archive {
	t.Helper()
	archive, err := bundle.Pack(folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestArchiveHoldsWhatCounts(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bin", "thumbs"), "program")
	write(t, filepath.Join(dir, "list.txt"), "list")
	if err := os.Chmod(filepath.Join(dir, "bin", "thumbs"), 0o710); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("list.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	archive := pack(t, dir)
	content, err := os.ReadFile(archive.Path)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(content); archive.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA-256 %s, the file has %x", archive.SHA256, sum)
	}
	reader, err := zip.OpenReader(archive.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	var got []string
	for _, file := range reader.File {
		got = append(got, file.Mode().String()+" "+file.Name)
	}
	if diff := cmp.Diff([]string{"-rwxr-xr-x bin/thumbs", "-rw-r--r-- link.txt", "-rw-r--r-- list.txt"}, got); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

// Neither when nor where a file was written, nor who else may read it, changes the archive; its content, name and right to execute do.
func TestArchiveIsOfItsContent(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(one, "a"), "a")
	write(t, filepath.Join(other, "a"), "a")
	past := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes(filepath.Join(other, "a"), past, past); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(other, "a"), 0o666); err != nil {
		t.Fatal(err)
	}
	first := pack(t, one)
	if second := pack(t, other); second.SHA256 != first.SHA256 {
		t.Error("the same content, two archives")
	}
	if err := os.Chmod(filepath.Join(other, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if second := pack(t, other); second.SHA256 == first.SHA256 {
		t.Error("the right to execute does not count")
	}
	write(t, filepath.Join(one, "a"), "b")
	if changed := pack(t, one); changed.SHA256 == first.SHA256 {
		t.Error("the content does not count")
	}
}

func TestFolderThatCannotBePacked(t *testing.T) {
	dir, parent := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "fine"), "")
	for name, target := range map[string]string{"elsewhere": t.TempDir(), "gone": "nowhere", "round": "round"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]string{dir: "elsewhere is a link to a folder", filepath.Join(dir, "none"): "no such file"} {
		if _, err := bundle.Pack(folder, parent); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", folder, err, want)
		}
	}
	if left := contents(t, parent); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	wrong, err := bundle.Check(dir)
	want := []string{`"elsewhere" is a link to a folder`, `"gone" is a link to nothing`, `"round" is a link to nothing`}
	if diff := cmp.Diff(want, wrong); diff != "" || err != nil {
		t.Errorf("Check: error %v (-want +got):\n%s", err, diff)
	}
}

func TestFolderBehindALinkIsPacked(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	write(t, filepath.Join(dir, "a"), "a")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if pack(t, link).SHA256 != pack(t, dir).SHA256 {
		t.Error("the link and the folder make two archives")
	}
	if wrong, err := bundle.Check(link); len(wrong) > 0 || err != nil {
		t.Errorf("Check: %q, error %v", wrong, err)
	}
}
