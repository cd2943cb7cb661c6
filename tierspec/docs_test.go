package tierspec

import (
	"runtime/debug"
	"testing"
)

// TestDocsAreThoseOfTheRelease: a tier that was deployed with a release leads people to its pages, not to newer ones.
func TestDocsAreThoseOfTheRelease(t *testing.T) {
	own := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: repository, Version: version}}
	}
	used := &debug.BuildInfo{
		Main: debug.Module{Path: "example.com/tier", Version: "v9.9.9"},
		Deps: []*debug.Module{{Path: "example.com/other", Version: "v8.8.8"}, {Path: repository, Version: "v1.2.3"}},
	}
	for want, infos := range map[string][]*debug.BuildInfo{
		"main":   {nil, {}, own("(devel)"), own("v1.2.4-0.20261201010203-0123456789ab"), own("v1.2.3+dirty")},
		"v1.2.3": {own("v1.2.3"), used},
	} {
		for i, info := range infos {
			if got := docsOf(info); got != "https://github.com/worker-tier/worker-tier/blob/"+want+"/docs/" {
				t.Errorf("%s, case %d: %s", want, i, got)
			}
		}
	}
}
