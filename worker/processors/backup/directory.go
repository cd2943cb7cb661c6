package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/worker-tier/worker-tier/worker/internal/snapshot"
)

// directory is a folder as source. It is opened once: links that lead out of it are not followed, even
// if somebody exchanges folders during the backup.
type directory struct {
	path string
	root *os.Root
}

func openDirectory(path string) (*directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("source.directory: %w", err)
	}
	return &directory{path: path, root: root}, nil
}

func (d *directory) Close() error { return d.root.Close() }

// gone tells a vanished entry from a vanished source, of which nothing must be taken for a backup.
func (d *directory) gone() error {
	if _, err := os.Stat(d.path); err != nil {
		return fmt.Errorf("source.directory: %w", err)
	}
	return nil
}

func (d *directory) stat(_ context.Context, path snapshot.Path) (snapshot.Entry, error) {
	info, err := d.root.Lstat(native(path))
	if err != nil {
		return snapshot.Entry{}, err
	}
	return describe(path, info), nil
}

// open reads what was there when it is opened: a log that grows has an end.
func (d *directory) open(_ context.Context, e snapshot.Entry, offset int64, expected string) (content, error) {
	// O_NONBLOCK: somebody may have put a named pipe in the file's place, and nobody writes to it.
	f, err := d.root.OpenFile(native(e.Path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return content{}, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || expected != "" && expected != version(info):
		err = errChanged
	default:
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return content{}, errors.Join(err, f.Close())
	}
	return content{
		ReadCloser: f,
		entry:      describe(e.Path, info),
		version:    version(info),
		changed: func() bool {
			now, err := f.Stat()
			return err != nil || version(now) != version(info)
		},
	}, nil
}

func (d *directory) problem(err error) (string, error) {
	if gone := d.gone(); gone != nil {
		return "", gone
	}
	var inPath *fs.PathError
	switch {
	case errors.Is(err, errChanged):
		return errChanged.Error(), nil
	case errors.Is(err, fs.ErrNotExist):
		return "vanished before it was read", nil
	case errors.As(err, &inPath):
		return "cannot be read: " + inPath.Err.Error(), nil // the entry has the path
	}
	return "cannot be read: " + err.Error(), nil
}

func version(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano())
}

// walk reads one folder at a time; only the names in the folders on the way are held in memory.
func (d *directory) walk(after snapshot.Path) walk {
	return &directoryWalk{directory: d, after: after}
}

type directoryWalk struct {
	*directory
	after  snapshot.Path
	levels []level // from the root to the folder at hand
}

// level is what is still to come of a folder.
type level struct {
	path  snapshot.Path // "" or ends in "/"
	names []string      // sorted; folders end in "/"
}

func (w *directoryWalk) next(context.Context) (snapshot.Entry, error) {
	if w.levels == nil {
		names, err := w.list("")
		if err != nil {
			return snapshot.Entry{}, fmt.Errorf("source.directory: %w", err)
		}
		w.levels = append(w.levels, level{names: names})
	}
	for len(w.levels) > 0 {
		here := &w.levels[len(w.levels)-1]
		if len(here.names) == 0 {
			w.levels = w.levels[:len(w.levels)-1]
			continue
		}
		path := here.path + snapshot.Path(here.names[0])
		here.names = here.names[1:]
		switch {
		case path > w.after:
			return w.entry(path)
		case path.IsFolder() && strings.HasPrefix(string(w.after), string(path)):
			if err := w.reenter(path); err != nil {
				return snapshot.Entry{}, err
			}
		}
	}
	return snapshot.Entry{}, io.EOF
}

// reenter goes back into a folder whose own entry is done. If it has vanished since, so has the rest of
// it, and there is nothing to go into.
func (w *directoryWalk) reenter(path snapshot.Path) error {
	names, err := w.list(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.gone()
	case err != nil:
		return fmt.Errorf("source.directory: %w", err)
	}
	w.levels = append(w.levels, level{path: path, names: names})
	return nil
}

// list gives a folder's names so that their paths are in bytewise order: a folder sorts by its name and
// the slash that follows it in the paths of what it holds.
func (w *directoryWalk) list(path snapshot.Path) ([]string, error) {
	f, err := w.root.Open(native(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
		if e.IsDir() {
			names[i] += "/"
		}
	}
	slices.Sort(names)
	return names, nil
}

// entry describes what is at path; the walk goes on in it if it is a folder.
func (w *directoryWalk) entry(path snapshot.Path) (snapshot.Entry, error) {
	e := snapshot.Entry{Path: path, Kind: snapshot.File}
	if path.IsFolder() {
		e.Kind = snapshot.Dir
	}
	info, err := w.root.Lstat(native(path))
	if err == nil {
		e = describe(path, info)
	}
	var names []string
	switch {
	case err == nil && e.Kind == snapshot.Dir:
		names, err = w.list(path)
	case err == nil && e.Kind == snapshot.Symlink:
		var target string
		target, err = w.root.Readlink(native(path))
		e.Target = snapshot.Path(target)
	}
	if err != nil {
		e.Problem, err = w.problem(err)
		return e, err
	}
	if e.Kind == snapshot.Dir {
		w.levels = append(w.levels, level{path: path, names: names})
	}
	return e, nil
}

func describe(path snapshot.Path, info fs.FileInfo) snapshot.Entry {
	e := snapshot.Entry{Path: path, Mode: unixMode(info.Mode()), Modified: info.ModTime().UTC()}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.Kind, e.Size = snapshot.File, info.Size()
	case mode.IsDir():
		e.Kind = snapshot.Dir
	case mode&fs.ModeSymlink != 0:
		e.Kind = snapshot.Symlink
	default:
		e.Kind, e.Problem = snapshot.Other, "is not a file, folder or link: not read"
	}
	return e
}

func unixMode(mode fs.FileMode) uint32 {
	unix := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			unix |= bit
		}
	}
	return unix
}

// native is the path within the root, as os.Root takes it.
func native(path snapshot.Path) string {
	if path == "" {
		return "."
	}
	return filepath.FromSlash(strings.TrimSuffix(string(path), "/"))
}
