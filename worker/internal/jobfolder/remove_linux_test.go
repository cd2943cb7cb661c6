package jobfolder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// top makes a folder that clear can be called with.
func top(t *testing.T) *os.File {
	t.Helper()
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	return folder
}

func nothing(string) bool { return false }

// TestDeepTreeIsRemovedWithFewDescriptors has a tree whose path is longer than the kernel takes, and more levels than the
// process may open files.
func TestDeepTreeIsRemovedWithFewDescriptors(t *testing.T) {
	folder := top(t)
	const levels = 20_000
	at, err := unix.Open(folder.Name(), unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	for range levels {
		must(t, unix.Mkdirat(at, "deeper", 0o700))
		next, err := unix.Openat(at, "deeper", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(t, err)
		_ = unix.Close(at)
		at = next
	}
	_ = unix.Close(at)
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	t.Cleanup(func() { must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) })
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: before.Max}))
	must(t, clear(t.Context(), folder, nothing))
	isEmpty(t, folder.Name())
}

// TestLinksAreNotFollowed: what a link names stays, whether it lies outside or belongs to a neighbour.
func TestLinksAreNotFollowed(t *testing.T) {
	folder, outside := top(t), t.TempDir()
	path := func(parts ...string) string { return filepath.Join(append([]string{folder.Name()}, parts...)...) }
	must(t, os.WriteFile(filepath.Join(outside, "precious"), nil, 0o400))
	must(t, os.Chmod(outside, 0o500))
	t.Cleanup(func() { _ = os.Chmod(outside, 0o700) })
	must(t, os.MkdirAll(path("neighbour", "job"), 0o700))
	must(t, os.MkdirAll(path("job", "below"), 0o700))
	for name, target := range map[string]string{"outside": outside, "neighbour": path("neighbour"), "up": "../..", "root": "/", "loop": "loop", "file": filepath.Join(outside, "precious")} {
		must(t, os.Symlink(target, path("job", name)))
		must(t, os.Symlink(target, path("job", "below", name)))
	}
	must(t, os.Symlink(outside, path("job-link")))
	must(t, os.Link(filepath.Join(outside, "precious"), path("job", "hard")))
	must(t, clear(t.Context(), folder, func(name string) bool { return name == "neighbour" }))
	if entries, err := os.ReadDir(folder.Name()); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := os.Stat(path("neighbour", "job")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(outside, "precious")); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestOddNamesAndManyFiles: names need not be text, and there may be more of them than are read at once.
func TestOddNamesAndManyFiles(t *testing.T) {
	folder := top(t)
	for i := range 3 * batch {
		must(t, os.MkdirAll(filepath.Join(folder.Name(), "job", fmt.Sprint("folder-", i)), 0o700))
		must(t, os.WriteFile(filepath.Join(folder.Name(), "job", fmt.Sprint("file-", i)), nil, 0o000))
	}
	for _, name := range []string{"new\nline", "not UTF-8: \xff", "-rf", "*", string(make([]byte, 0, 1)) + "…"} {
		must(t, os.Mkdir(filepath.Join(folder.Name(), "job", name), 0o000))
	}
	must(t, syscall.Mkfifo(filepath.Join(folder.Name(), "job", "fifo"), 0o000))
	must(t, clear(t.Context(), folder, nothing))
	isEmpty(t, folder.Name())
}

// asNobody runs body with the rights of another user where the test runs as root, whom no mode holds up.
func asNobody(t *testing.T, folder string, body func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		body()
		return
	}
	const nobody = 65534
	must(t, os.Chown(folder, nobody, nobody))
	for path := folder; path != os.TempDir() && len(path) > 1; path = filepath.Dir(path) {
		must(t, os.Chmod(path, 0o755))
	}
	done := make(chan struct{})
	go func() { // its thread ends with it
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Setfsuid(nobody); err != nil {
			t.Error(err)
			return
		}
		body()
	}()
	<-done
}

// TestReadOnlyTreeIsRemoved: at each level a folder that may not be entered, read or changed.
func TestReadOnlyTreeIsRemoved(t *testing.T) {
	for _, mode := range []os.FileMode{0o500, 0o000, 0o400, 0o300, 0o100} {
		t.Run(fmt.Sprintf("%03o", mode), func(t *testing.T) {
			folder := top(t)
			asNobody(t, folder.Name(), func() {
				path := filepath.Join(folder.Name(), "job")
				paths := []string{path}
				for range 3 {
					path = filepath.Join(path, "below")
					paths = append(paths, path)
				}
				if err := os.MkdirAll(path, 0o700); err != nil {
					t.Error(err)
				}
				for i := len(paths) - 1; i >= 0; i-- {
					if err := os.WriteFile(filepath.Join(paths[i], "file"), nil, 0o000); err != nil {
						t.Error(err)
					}
					if err := os.Chmod(paths[i], mode); err != nil {
						t.Error(err)
					}
				}
				if err := clear(t.Context(), folder, nothing); err != nil {
					t.Error(err)
				}
			})
			isEmpty(t, folder.Name())
		})
	}
}

// TestWhatCannotBeRemovedKeepsNothingElse: the rest goes, the error names it, and clear returns.
func TestWhatCannotBeRemovedKeepsNothingElse(t *testing.T) {
	folder := top(t)
	asNobody(t, folder.Name(), func() {
		for _, path := range []string{"job/a/b", "job/z"} {
			if err := os.MkdirAll(filepath.Join(folder.Name(), path), 0o700); err != nil {
				t.Error(err)
			}
		}
	})
	root := os.Geteuid() == 0 // only root can make what its own user cannot remove
	if root {
		must(t, os.MkdirAll(filepath.Join(folder.Name(), "job", "stranger", "full"), 0o755))
	}
	asNobody(t, folder.Name(), func() {
		if err := clear(t.Context(), folder, nothing); (err == nil) == root {
			t.Errorf("error %v", err)
		}
	})
	if !root {
		isEmpty(t, folder.Name())
		return
	}
	entries, err := os.ReadDir(filepath.Join(folder.Name(), "job"))
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "stranger" {
		t.Errorf("left: %v", entries)
	}
	must(t, clear(t.Context(), folder, nothing)) // once nothing holds it up
	isEmpty(t, folder.Name())
}

func TestRemovalEndsWithItsContext(t *testing.T) {
	folder := top(t)
	must(t, os.WriteFile(filepath.Join(folder.Name(), "file"), nil, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := clear(ctx, folder, nothing); err == nil {
		t.Error("it went on")
	}
}
