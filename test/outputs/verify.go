package outputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// verification compares entries of a snapshot with a tree.
type verification struct {
	root   string
	seen   map[string]bool // paths
	open   []byte          // of the file that goes on in the next segment
	amount Amount
}

// Amount is what was compared.
type Amount struct {
	Files int
	Bytes int64
}

// Verify compares a snapshot with the tree that it is of, byte for byte.
func (b Bucket) Verify(ctx context.Context, s *Snapshot, root string) (Amount, error) {
	v := verification{root: root, seen: map[string]bool{}}
	for _, part := range s.segments {
		content, err := b.content(ctx, part)
		if err != nil {
			return Amount{}, err
		}
		if err := v.takeAll(part.Entries, content); err != nil {
			return Amount{}, err
		}
	}
	return v.amount, v.complete()
}

// takeAll compares a segment's entries, whose contents lie in content.
func (v *verification) takeAll(entries []entry, content []byte) error {
	for _, e := range entries {
		if err := v.take(e, content); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

// take compares an entry with what stands at its path.
func (v *verification) take(e entry, content []byte) error {
	if e.Problem != "" {
		return fmt.Errorf("backed up with a problem: %s", e.Problem)
	}
	if int64(len(v.open)) != e.Offset {
		return fmt.Errorf("goes on at %d, but %d bytes were read", e.Offset, len(v.open))
	}
	v.open = append(v.open, content[e.At:e.At+e.Length]...)
	if e.More {
		return nil
	}
	got := v.open
	v.open = nil
	name := strings.TrimSuffix(string(e.Path), "/")
	if v.seen[name] {
		return errors.New("is there twice")
	}
	v.seen[name] = true
	path := filepath.Join(v.root, name)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm() != fs.FileMode(e.Mode).Perm() {
		return fmt.Errorf("mode %o, want %o", e.Mode, info.Mode().Perm())
	}
	switch {
	case e.Kind == "dir" && info.IsDir():
		return nil
	case e.Kind == "symlink" && info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err == nil && target != string(e.Target) {
			err = fmt.Errorf("points to %s, want %s", e.Target, target)
		}
		return err
	case e.Kind == "file" && info.Mode().IsRegular():
		want, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%d bytes differ from the %d of the tree", len(got), len(want))
		}
		v.amount.Files++
		v.amount.Bytes += int64(len(want))
		return err
	}
	return fmt.Errorf("is a %s in the snapshot and %s in the tree", e.Kind, info.Mode().Type())
}

// complete checks that everything in the tree was seen.
func (v *verification) complete() error {
	return filepath.WalkDir(v.root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == v.root {
			return err
		}
		name, err := filepath.Rel(v.root, path)
		if err == nil && !v.seen[name] {
			err = fmt.Errorf("%s is not in the snapshot", name)
		}
		return err
	})
}
