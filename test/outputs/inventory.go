package outputs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// VerifyInventory compares the list that a finished job of examples/inventory wrote to dir with the tree that
// it is of, and returns the number of files. The job's last cursor says which epoch's list counts.
func VerifyInventory(lastCursor, dir, root string) (files int, err error) {
	var cursor struct {
		Epoch int64 `json:"epoch"`
	}
	if err := json.Unmarshal([]byte(lastCursor), &cursor); err != nil {
		return 0, fmt.Errorf("cursor %q: %w", lastCursor, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("inventory.%d.jsonl", cursor.Epoch)))
	if err != nil {
		return 0, err
	}
	listed := map[string]string{}
	for line := range bytes.Lines(text) {
		var file struct{ Path, SHA256 string }
		if err := json.Unmarshal(line, &file); err != nil {
			return 0, fmt.Errorf("line %q: %w", line, err)
		}
		listed[file.Path] = file.SHA256
	}
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		if name := strings.TrimPrefix(path, root+"/"); listed[name] != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("%s is listed with SHA-256 %q", name, listed[name])
		}
		return nil
	})
	if err == nil && files != len(listed) {
		err = fmt.Errorf("%d files are listed, the tree has %d", len(listed), files)
	}
	return files, err
}
