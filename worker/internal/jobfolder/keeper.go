// Package jobfolder makes the temporary folders of slots and jobs and removes them when a job or its slot ends, however
// that happens. A supervisor has one folder for all of them. It holds a lock on that folder as long as it lives, so
// another worker on the same machine can tell the folder of a dead supervisor from that of a living one.
//
// A program may have made anything in its folder: deep trees, links, folders that it made read-only. Package jobfolder
// follows no link, opens only a few descriptors at once, and removes nothing outside its folder. See remove.go.
package jobfolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/worker-tier/worker-tier/worker/internal/backoff"
)

const (
	// prefix begins the name of a supervisor's folder.
	prefix = "worker-jobs-"
	// closing bounds the last removal, which a drain waits for. The next worker removes what is left.
	closing = 2 * time.Second
	// attempts are how often a supervisor's folder is made anew, because a starting neighbour took it for a dead one's.
	attempts = 10
)

// pauses are those between two tries to remove what could not be removed.
var pauses = backoff.Pauses{First: time.Second, Most: time.Hour, Least: 100 * time.Millisecond}

// Keeper keeps the folders of one supervisor. Its methods may be called from several goroutines.
type Keeper struct {
	base     string
	log      *slog.Logger
	released chan struct{} // holds a wake-up of the goroutine that removes
	failures atomic.Int64

	mu   sync.Mutex
	own  *os.File        // the supervisor's folder, locked; nil: not made yet
	live map[string]bool // names in it that are in use
}

// New returns a keeper whose supervisor's folder is made in base when it is needed first.
func New(base string, log *slog.Logger) *Keeper {
	return &Keeper{base: base, log: log, released: make(chan struct{}, 1), live: map[string]bool{}}
}

// Failures counts the tries to remove folders that failed.
func (k *Keeper) Failures() int64 { return k.failures.Load() }

// Make makes an empty folder that only the worker's user may enter, and returns its path. An error is the fault of the
// instance: its disk is full or cannot be written to.
func (k *Keeper) Make() (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.hold(); err != nil {
		return "", fmt.Errorf("make a folder for jobs: %w", err)
	}
	path, err := os.MkdirTemp(k.own.Name(), "job-")
	if err != nil {
		return "", fmt.Errorf("make a folder for a job: %w", err)
	}
	k.live[filepath.Base(path)] = true
	return path, nil
}

// Release has the folder removed that [Keeper.Make] returned as path. It does not wait for that. "": there is none.
func (k *Keeper) Release(path string) {
	if path == "" {
		return
	}
	k.mu.Lock()
	delete(k.live, filepath.Base(path))
	k.mu.Unlock()
	select {
	case k.released <- struct{}{}:
	default: // woken already
	}
}

// hold sees that the supervisor has its folder. A program of the same user may have removed it or closed it.
func (k *Keeper) hold() error {
	if k.own != nil {
		if isAt(k.own, k.own.Name()) && k.own.Chmod(0o700) == nil {
			return nil
		}
		_ = k.own.Close()
		k.own = nil
	}
	for range attempts {
		path, err := os.MkdirTemp(k.base, prefix)
		if err != nil {
			return err
		}
		own, err := lock(path)
		switch {
		case err == nil:
			k.own = own
			return nil
		case !errors.Is(err, errInUse) && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return fmt.Errorf("%s: other workers take it away", filepath.Join(k.base, prefix+"*"))
}

// Run removes what was released and what dead supervisors left, until ctx ends. Then it removes the supervisor's
// folder, if that takes no longer than two seconds.
func (k *Keeper) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { k.repeat(ctx, nil, k.removeDead) })
	both.Go(func() { k.repeat(ctx, k.released, k.removeReleased) })
	both.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	k.close(last)
}

// repeat calls work now, after each wake-up, and again after a pause where it failed. Without wake-ups it ends with
// the first success.
func (k *Keeper) repeat(ctx context.Context, woken <-chan struct{}, work func(context.Context) error) {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	for failures := int64(0); ; {
		err := work(ctx)
		if ctx.Err() != nil || err == nil && woken == nil {
			return
		}
		var retry <-chan time.Time
		if err != nil {
			pause := pauses.After(failures, random)
			failures++
			k.failures.Add(1)
			k.log.Warn("a job's folder cannot be removed, trying again", "error", err.Error(), "next_try_in", pause.Round(time.Millisecond).String())
			retry = time.After(pause)
		} else {
			failures = 0
		}
		select {
		case <-woken:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// removeReleased removes what is in the supervisor's folder and not in use.
func (k *Keeper) removeReleased(ctx context.Context) error {
	k.mu.Lock()
	own, err := again(k.own)
	k.mu.Unlock()
	if own == nil || err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	return clear(ctx, own, k.inUse)
}

func (k *Keeper) inUse(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.live[name]
}

// removeDead removes the folders of supervisors that have died. A folder of another user, or one that a living
// supervisor holds, is left alone.
func (k *Keeper) removeDead(ctx context.Context) error {
	entries, err := os.ReadDir(k.base)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) || !entry.IsDir() {
			continue
		}
		path := filepath.Join(k.base, entry.Name())
		folder, err := lock(path)
		if errors.Is(err, errInUse) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			k.log.Info("removing what a worker left that has died", "folder", path)
			err = removeAll(ctx, folder)
			_ = folder.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// close removes the supervisor's folder and lets go of it.
func (k *Keeper) close(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own == nil {
		return
	}
	if err := removeAll(ctx, k.own); err != nil {
		k.failures.Add(1)
		k.log.Warn("the folders of jobs are not all removed; the next worker removes them", "folder", k.own.Name(), "error", err.Error())
	}
	_ = k.own.Close()
	k.own = nil
}
