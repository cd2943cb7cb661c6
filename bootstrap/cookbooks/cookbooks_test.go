package cookbooks

import (
	"io/fs"
	"os"
	"testing"
)

// TestEveryFileIsThere: Go leaves out files whose names begin with "_" or ".", which Chef would miss on the instance.
func TestEveryFileIsThere(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), "worker", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if _, err := Files.Open(name); err != nil {
			t.Errorf("not in the bundle: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
