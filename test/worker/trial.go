package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// Trial is an input or a fault that once made the worker do harm, tried on real processes.
type Trial struct {
	Name string // one line, for people
	// try does it to a tier of its own, and returns what was seen. It says what is wrong as a test does.
	try func(t testing.TB) string
}

// Result is what became of a trial.
type Result struct {
	Name    string  `json:"name"`
	Held    bool    `json:"held"`
	Seen    string  `json:"seen"` // if it did not hold: what is wrong
	Log     string  `json:"log,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Prepare says which worker trials try, and on which local AWS. It is called once, before all of them.
func Prepare(worker string, server *localaws.Server) {
	binary = worker
	heedSignals()
	localaws.Share(server)
}

// Run tries it. What a trial that does not hold has logged goes into a file in dir.
func (tr Trial) Run(ctx context.Context, dir string) Result {
	begin := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	t := &trial{ctx: ctx, cancel: cancel, name: tr.Name}
	ended := make(chan struct{})
	go func() { // Fatal ends the goroutine, as in a test
		defer close(ended)
		defer t.cleanUp()
		t.seen = tr.try(t)
	}()
	<-ended
	r := Result{Name: tr.Name, Held: !t.Failed(), Seen: strings.ReplaceAll(t.seen, "\n", " / "), Seconds: time.Since(begin).Round(100 * time.Millisecond).Seconds()}
	if r.Held {
		return r
	}
	r.Seen = strings.ReplaceAll(strings.Join(t.faults, "; "), "\n", " / ")
	r.Log = filepath.Join(dir, strings.ReplaceAll(tr.Name, " ", "-")+".log")
	if err := os.WriteFile(r.Log, []byte(strings.Join(append(t.faults, t.logs...), "\n")), 0o600); err != nil {
		r.Seen += "; its log cannot be written: " + err.Error()
	}
	return r
}

// trial is the [testing.TB] of a run. It has the methods that tests of this package use, and no others.
type trial struct {
	testing.TB

	ctx    context.Context //nolint:containedctx // of the run, as that of a test
	cancel context.CancelFunc
	name   string
	seen   string

	mu       sync.Mutex
	faults   []string
	logs     []string
	cleanups []func()
}

var _ testing.TB = (*trial)(nil)

func (t *trial) Helper()                      {}
func (t *trial) Name() string                 { return t.name }
func (t *trial) Context() context.Context     { return t.ctx }
func (t *trial) Error(args ...any)            { t.fault(fmt.Sprint(args...)) }
func (t *trial) Errorf(f string, args ...any) { t.fault(fmt.Sprintf(f, args...)) }
func (t *trial) Logf(f string, args ...any)   { t.note(&t.logs, fmt.Sprintf(f, args...)) }

func (t *trial) Fatal(args ...any) {
	t.Error(args...)
	runtime.Goexit()
}

func (t *trial) Fatalf(f string, args ...any) {
	t.Errorf(f, args...)
	runtime.Goexit()
}

func (t *trial) fault(text string) { t.note(&t.faults, text) }

func (t *trial) note(to *[]string, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*to = append(*to, strings.TrimSpace(text))
}

func (t *trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.faults) > 0
}

func (t *trial) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

func (t *trial) TempDir() string {
	dir, err := os.MkdirTemp("", "trial-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return dir
}

// cleanUp undoes what the trial has done, the last first.
func (t *trial) cleanUp() {
	if p := recover(); p != nil {
		t.Errorf("panic: %v", p)
	}
	t.cancel()
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		f()
	}
}
