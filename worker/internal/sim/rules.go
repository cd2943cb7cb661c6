package sim

import (
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// The rules that concern single attributes of job items and control items.

// isControl reports whether key is a control item's.
func isControl(key string) bool { return strings.HasPrefix(key, "control#") }

// fenced checks S9: an operator's change is applied to the item that its author read, never after another
// operator's change.
func (o *oracle) fenced(meant job.Write, before job.Item) {
	for _, c := range meant.If {
		if c.Attr == contract.AttrSteered && !c.Holds(before) {
			o.world.violate("S9", "%s was applied after another operator's change: its author read %v, the item has %v", meant.Op, c.Value, before[contract.AttrSteered])
		}
	}
}
