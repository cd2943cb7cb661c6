package config

import (
	"slices"
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/tierspec"
)

// The repository's own file: what the demo and the README rely on.
func TestRepositoryFile(t *testing.T) {
	types := []string{"backup", "calendars", "docs", "export", "mail", "restore", "sites"}
	for environment, want := range map[string]struct {
		disposable   bool
		architecture tierspec.Architecture
		lease        time.Duration
		warnings     []string
	}{
		"local": {true, tierspec.X8664, 4 * time.Second, nil},
		"dev":   {true, tierspec.ARM64, time.Minute, []string{"chef.package"}},
		"prod":  {false, tierspec.ARM64, time.Minute, []string{"chef.package"}},
	} {
		t.Run(environment, func(t *testing.T) {
			tier, warnings, err := Load("../../worker-tier.yaml", environment)
			if err != nil {
				t.Fatal(err)
			}
			var names, warned []string
			for _, c := range tier.ContentTypes {
				names = append(names, c.Name)
				if c.Architecture != want.architecture || c.Job.Lease != want.lease {
					t.Errorf("%s: %s with a lease of %s, want %s and %s", c.Name, c.Architecture, c.Job.Lease, want.architecture, want.lease)
				}
			}
			for _, w := range warnings {
				warned = append(warned, w.Path)
			}
			if !slices.Equal(names, types) {
				t.Errorf("content types %v, want %v", names, types)
			}
			if tier.Environment.Disposable != want.disposable || !slices.Equal(warned, want.warnings) {
				t.Errorf("disposable %t with warnings %v", tier.Environment.Disposable, warnings)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, _, err := Load("../../worker-tier.yaml", "prod"); err != nil {
			b.Fatal(err)
		}
	}
}
