package job

import (
	"fmt"
	"slices"
)

// Item is a row of the job table: attribute name → string, int64 or bool.
type Item map[string]any

// Op compares an attribute with a value.
type Op int

// The comparisons that conditions need.
const (
	Absent Op = iota // the attribute (for the key: the item) does not exist
	Equal
	Less
	AtMost
)

// Cond is one condition of a [Write]. All conditions of a write must hold.
type Cond struct {
	Attr  string
	Op    Op
	Value any // string, int64 or bool; none for Absent
}

// Write is a conditional update of one item, the only way the table ever changes. Every operation of
// the protocol is a function that returns one (see transitions.go), so that all stores, and the
// simulator's faults, share one definition of each.
type Write struct {
	Op     string // name of the operation, for logs and traces
	Key    string // value of contract.AttrKey
	If     []Cond
	Set    Item
	Add    map[string]int64 // attribute += value; a missing attribute counts as 0
	Remove []string
	Unread bool // nobody reads the item after the write: stores return none, which may have been a large one
}

// RefusedError says that a condition of a write did not hold: nothing was changed.
type RefusedError struct {
	Write   Write
	Current Item // the item as it is; nil where there is none or the store did not say
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s: refused, the item is in state %v at epoch %v", e.Write.Op, e.Write.Key, e.Current["state"], e.Current["epoch"])
}

// Left reports whether item is as w leaves it. After a refusal of w this means that a first try of w was
// applied and its answer lost.
func (w Write) Left(item Item) bool {
	for attr, v := range w.Set {
		if item[attr] != v {
			return false
		}
	}
	return item != nil && !slices.ContainsFunc(w.Remove, func(attr string) bool { _, there := item[attr]; return there })
}

// Holds reports whether item (nil: there is none) satisfies c, as DynamoDB evaluates it: a comparison
// with a missing attribute is false.
func (c Cond) Holds(item Item) bool {
	v, exists := item[c.Attr]
	if c.Op == Absent {
		return !exists
	}
	if !exists {
		return false
	}
	if c.Op == Equal {
		return v == c.Value
	}
	a, aNumber := v.(int64)
	b, bNumber := c.Value.(int64)
	if !aNumber || !bNumber {
		return false
	}
	return a < b || c.Op == AtMost && a == b
}
