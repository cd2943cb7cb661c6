package templates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAcceptancesAreHeldBothWays(t *testing.T) {
	accepted := []acceptance{{check: "A1", where: `^one `}, {check: "A2"}}
	for name, c := range map[string]struct {
		found []finding
		left  []string
		kept  int
	}{
		"all accepted":    {[]finding{{"A1", "one x", ""}, {"A1", "one y", ""}, {"A2", "two x", ""}}, nil, 3},
		"another place":   {[]finding{{"A1", "one x", ""}, {"A1", "two x", "why"}, {"A2", "x", ""}}, []string{"tool: A1 two x: why"}, 2},
		"another check":   {[]finding{{"A1", "one x", ""}, {"A2", "x", ""}, {"A3", "one x", "why"}}, []string{"tool: A3 one x: why"}, 2},
		"nothing to keep": {[]finding{{"A1", "one x", ""}}, []string{"tool: A2 : accepted, but there is no such finding"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			left, kept := judge("tool", c.found, accepted)
			if diff := cmp.Diff(c.left, left); diff != "" || kept != c.kept {
				t.Errorf("%d kept, want %d; left (-want +got):\n%s", kept, c.kept, diff)
			}
		})
	}
}
