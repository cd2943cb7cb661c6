package jobfolder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// batch is how many names of a folder are read at once: a program may have made millions of files.
const batch = 256

// openFolder are the flags with which a folder is opened, and a link to one is not.
const openFolder = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// errInUse says that a folder belongs to a living supervisor or to another user.
var errInUse = errors.New("the folder is in use")

// lock opens a supervisor's folder and locks it. The lock ends with the process, and no program inherits it.
func lock(path string) (*os.File, error) {
	folder, err := os.OpenFile(path, openFolder, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	info, statErr := folder.Stat()
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = errInUse
	case err == nil && statErr != nil:
		err = statErr
	case err == nil && info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()):
		err = errInUse
	case err == nil && !isAt(folder, path):
		err = os.ErrNotExist // another worker was removing it
	}
	if err != nil {
		_ = folder.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return folder, nil
}

// again is a second descriptor of an open folder, which holds the same lock. nil: of none.
func again(folder *os.File) (*os.File, error) {
	if folder == nil {
		return nil, nil
	}
	fd, err := unix.FcntlInt(folder.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), folder.Name()), nil
}

// isAt reports whether path still names the open folder.
func isAt(folder *os.File, path string) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	held, err := folder.Stat()
	return err == nil && os.SameFile(held, there)
}

// removeAll removes a supervisor's folder with everything in it.
func removeAll(ctx context.Context, folder *os.File) error {
	if err := clear(ctx, folder, func(string) bool { return false }); err != nil {
		return err
	}
	return os.Remove(folder.Name())
}

// clear removes everything in top but the entries that keep names. It moves each folder that it finds below into top
// before it empties it. So the depth of a tree costs neither descriptors nor memory. What cannot be removed does not keep
// the rest from being removed.
func clear(ctx context.Context, top *os.File, keep func(name string) bool) error {
	for {
		removed, left := 0, error(nil)
		err := eachName(ctx, top, func(name string) {
			if keep(name) {
				return
			}
			n, err := removeEntry(ctx, top, name)
			removed += n
			if left == nil && err != nil {
				left = fmt.Errorf("%s/%q: %w", top.Name(), name, err)
			}
		})
		switch {
		case err != nil:
			return err
		case removed == 0:
			return left
		}
	}
}

// eachName calls visit with the names in a folder. It may miss those that come or go meanwhile.
func eachName(ctx context.Context, folder *os.File, visit func(name string)) error {
	if _, err := folder.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		names, err := folder.Readdirnames(batch)
		for _, name := range names {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			visit(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// removeEntry removes a file, a link or a folder of top. It returns how many entries it removed or moved, so that the
// caller knows whether another try can get further.
func removeEntry(ctx context.Context, top *os.File, name string) (removed int, err error) {
	at := int(top.Fd())
	err = unix.Unlinkat(at, name, 0)
	switch {
	case err == nil || errors.Is(err, unix.ENOENT):
		return 1, nil
	case !mayBeFolder(err):
		return 0, err
	}
	folder, openErr := enter(top, name)
	if openErr != nil {
		if errors.Is(openErr, unix.ENOTDIR) || errors.Is(openErr, unix.ELOOP) {
			return 0, err
		}
		return 0, openErr
	}
	defer func() { _ = folder.Close() }()
	removed, err = empty(ctx, top, folder)
	if err != nil {
		return removed, err
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil {
		if errors.Is(err, unix.ENOTEMPTY) && removed > 0 { // names that were missed
			err = nil
		}
		return removed, err
	}
	return removed + 1, nil
}

// empty removes the files of a folder and moves its folders into top.
func empty(ctx context.Context, top, folder *os.File) (removed int, left error) {
	at := int(folder.Fd())
	err := eachName(ctx, folder, func(name string) {
		err := unix.Unlinkat(at, name, 0)
		if mayBeFolder(err) {
			err = moveUp(top, folder, name)
		}
		if err == nil || errors.Is(err, unix.ENOENT) {
			removed++
		} else if left == nil {
			left = fmt.Errorf("%q: %w", name, err)
		}
	})
	if err != nil {
		return removed, err
	}
	return removed, left
}

// moveUp moves a folder into top. The kernel writes to a folder that gets another parent, so its mode must allow that.
func moveUp(top, from *os.File, name string) error {
	to := rand.Text()
	err := unix.Renameat(int(from.Fd()), name, int(top.Fd()), to)
	if errors.Is(err, unix.EACCES) && allow(int(from.Fd()), name) == nil {
		err = unix.Renameat(int(from.Fd()), name, int(top.Fd()), to)
	}
	return err
}

// enter opens a folder of parent so that its entries can be removed. Its mode may have to be changed for that.
func enter(parent *os.File, name string) (*os.File, error) {
	at := int(parent.Fd())
	fd, err := unix.Openat(at, name, openFolder, 0)
	if errors.Is(err, unix.EACCES) && allow(at, name) == nil {
		fd, err = unix.Openat(at, name, openFolder, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Fchmod(fd, 0o700); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// mayBeFolder reports whether unlink refused an entry because it is a folder. Linux says EISDIR, POSIX EPERM, which also
// stands for what must not be removed.
func mayBeFolder(err error) bool { return errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) }
