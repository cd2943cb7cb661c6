//go:build bootstraptest

package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBuildersAtOnceBuildOnce(t *testing.T) {
	parent := t.TempDir()
	done, built := filepath.Join(parent, "image"), filepath.Join(t.TempDir(), "built")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := put(t.Context(), done, nil, "mkdir $1; echo built >>"+built+"; sleep 0.2"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if text, _ := os.ReadFile(built); strings.Count(string(text), "built") != 1 {
		t.Errorf("built: %q", text)
	}
	wantOnly(t, parent, "image lock")
}

func TestBuildThatFailsLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	err := put(t.Context(), filepath.Join(parent, "image"), nil, "mkdir $1; echo no mirror >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no mirror") {
		t.Errorf("error %v", err)
	}
	wantOnly(t, parent, "lock")
}

// An interrupted build ends with all that it has started and mounted; what a killed one has left is removed by the next.
func TestBuildThatIsInterruptedLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	if err := os.MkdirAll(filepath.Join(parent, draftPrefix+"1", "image"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begun := time.Now()
	if err := put(ctx, filepath.Join(parent, "image"), nil, "mkdir $1; mount -t tmpfs tmpfs $1; touch $1/file; setsid sleep 1000 & sleep 1000"); err == nil {
		t.Error("no error")
	}
	if took := time.Since(begun); took > 5*time.Minute {
		t.Errorf("took %s: something was left running", took)
	}
	wantOnly(t, parent, "lock")
}

func wantOnly(t *testing.T, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}
