package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Check names everything under a folder that [Pack] cannot pack, each with the reason.
func Check(folder string) ([]string, error) {
	var wrong []string
	err := walk(folder, func(path, name string) error {
		if why := obstacle(path); why != "" {
			wrong = append(wrong, fmt.Sprintf("%q %s", name, why))
		}
		return nil
	})
	return wrong, err
}

// walk calls visit for each file that a folder's archive holds, with its path and its name in the archive. The folder
// itself may be a link.
func walk(folder string, visit func(path, name string) error) error {
	root, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	ignored, err := IgnoredIn(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && entry == nil {
			return err
		}
		name, failed := filepath.Rel(root, path)
		switch {
		case failed != nil:
			return failed
		case entry.IsDir() && name != "." && ignored.skips(name):
			return fs.SkipDir
		case err != nil:
			return err
		case entry.IsDir() || ignored.Has(name):
			return nil
		}
		return visit(path, filepath.ToSlash(name))
	})
}

// obstacle is the reason why a file cannot be packed, "" if there is none.
func obstacle(path string) string {
	itself, err := os.Lstat(path)
	if err != nil {
		return "cannot be read: " + reason(err)
	}
	linked := itself.Mode()&fs.ModeSymlink != 0
	info, err := os.Stat(path)
	switch {
	case err != nil && linked:
		return "is a link to nothing"
	case err != nil:
		return "cannot be read: " + reason(err)
	case info.IsDir() && linked:
		return "is a link to a folder"
	case !info.Mode().IsRegular():
		return "is neither a file nor a folder"
	}
	file, err := os.Open(path)
	if err != nil {
		return "cannot be read: " + reason(err)
	}
	_ = file.Close()
	return ""
}

// reason is an error of the file system without the path, which stands beside it.
func reason(err error) string {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	return err.Error()
}
