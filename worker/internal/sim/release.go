package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
)

// release is which of two releases a worker is of, side by side on one table. The older one is the
// present code behind a table that shows it what that release knew: each schema is one newer than it is,
// and what came with the newest schema is not there.
type release int

const (
	older release = 1
	newer release = 2
)

// versioned is the version of the cursors of a release.
func versioned(r release) string { return fmt.Sprintf("sim@%d", r) }

// release of the caller's machine.
func (c *caller) release() release {
	if c.node == nil {
		return newer
	}
	return c.node.release
}

func (r release) reads(item job.Item) job.Item {
	schema, ok := item[contract.AttrSchema].(int64)
	if r == newer || !ok {
		return item
	}
	item = maps.Clone(item)
	item[contract.AttrSchema] = schema + 1
	delete(item, contract.AttrCursorRef)
	delete(item, contract.AttrPayloadRef)
	return item
}

func (r release) writes(w job.Write) job.Write {
	if r == newer {
		return w
	}
	w.If = slices.Clone(w.If)
	for i, c := range w.If {
		if schema, ok := c.Value.(int64); ok && c.Attr == contract.AttrSchema {
			w.If[i].Value = schema - 1
		}
	}
	return w
}
