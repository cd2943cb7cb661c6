package jobfolder

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for an event on a machine that has other work.
const patience = time.Minute

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isEmpty(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("%s still holds %d entries, the first is %q", path, len(entries), entries[0].Name())
	}
}

// newKeeper runs a keeper in base; stop ends it and waits.
func newKeeper(t *testing.T, base string) (k *Keeper, stop func()) {
	t.Helper()
	k = New(base, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { k.Run(ctx); close(ended) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return k, stop
}

// folder makes a folder with a file in it.
func (k *Keeper) folder(t *testing.T) string {
	t.Helper()
	path, err := k.Make()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(path, "payload"), []byte("secret"), 0o600))
	return path
}

func there(path string) bool { _, err := os.Lstat(path); return err == nil }

func awaitGone(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(patience); there(path); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is still there", path)
		}
	}
}

func TestReleasedFolderIsRemovedAndNoOther(t *testing.T) {
	k, stop := newKeeper(t, t.TempDir())
	one, two := k.folder(t), k.folder(t)
	if info, err := os.Stat(one); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	k.Release(one)
	awaitGone(t, one)
	if !there(filepath.Join(two, "payload")) {
		t.Error("the other folder was emptied")
	}
	stop()
	isEmpty(t, k.base)
}

// TestOnlyDeadSupervisorsFoldersAreRemoved at the start of another one on the same machine.
func TestOnlyDeadSupervisorsFoldersAreRemoved(t *testing.T) {
	base := t.TempDir()
	sibling, _ := newKeeper(t, base)
	lives := sibling.folder(t)
	dead := New(base, slog.New(slog.DiscardHandler))
	left := dead.folder(t)
	must(t, dead.own.Close()) // as the kernel does
	must(t, os.Mkdir(filepath.Join(base, "stranger"), 0o700))
	must(t, os.Symlink(lives, filepath.Join(base, prefix+"link")))
	newKeeper(t, base)
	awaitGone(t, filepath.Dir(left))
	if !there(filepath.Join(lives, "payload")) || !there(filepath.Join(base, "stranger")) {
		t.Error("something else was removed")
	}
}

// TestFoldersAreMadeWhateverAProgramDid to the supervisor's own.
func TestFoldersAreMadeWhateverAProgramDid(t *testing.T) {
	for name, harm := range map[string]func(own string) error{
		"removed": os.RemoveAll,
		"closed":  func(own string) error { return os.Chmod(own, 0) },
		"moved":   func(own string) error { return os.Rename(own, own+"-away") },
		"a link": func(own string) error {
			if err := os.Rename(own, own+"-away"); err != nil {
				return err
			}
			return os.Symlink("/", own)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := newKeeper(t, t.TempDir())
			must(t, harm(filepath.Dir(k.folder(t))))
			path := k.folder(t)
			k.Release(path)
			awaitGone(t, path)
		})
	}
}

func TestNoFolderWithoutRoom(t *testing.T) {
	k, _ := newKeeper(t, filepath.Join(t.TempDir(), "missing"))
	if path, err := k.Make(); err == nil {
		t.Errorf("made %s", path)
	}
}

// TestFailedRemovalIsCountedAndRepeated until it succeeds. Another supervisor's folder cannot be read at first.
func TestFailedRemovalIsCountedAndRepeated(t *testing.T) {
	base := filepath.Join(t.TempDir(), "later")
	k, _ := newKeeper(t, base)
	for end := time.Now().Add(patience); k.Failures() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is counted")
		}
	}
	dead := filepath.Join(base, prefix+"1", "job-1")
	must(t, os.MkdirAll(dead, 0o700))
	awaitGone(t, filepath.Dir(dead))
}
