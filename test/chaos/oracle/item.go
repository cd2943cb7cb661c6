package oracle

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Item is an item of the job table: attribute name → string, int64 or bool; nil: there is none.
type Item map[string]any

func (i Item) text(attr string) string  { v, _ := i[attr].(string); return v }
func (i Item) number(attr string) int64 { v, _ := i[attr].(int64); return v }
func (i Item) state() string            { return i.text(contract.AttrState) }
func (i Item) owner() string            { return i.text(contract.AttrOwner) }
func (i Item) epoch() int64             { return i.number(contract.AttrEpoch) }
func (i Item) running() bool            { return i.state() == "RUNNING" }

func (i Item) String() string {
	if i == nil {
		return "no item"
	}
	return fmt.Sprintf("%s, epoch %d, heartbeat %d, seq %d, owner %q, drains %d, crashes %d, failures %d", i.state(), i.epoch(), i.number(contract.AttrHeartbeats),
		i.number(contract.AttrSeq), i.owner(), i.number(contract.AttrDrains), i.number(contract.AttrCrashes), i.number(contract.AttrFailures))
}

// condition is one term of a condition expression.
type condition struct {
	attr     string
	operator string // "absent", "exists", "=", "<>", "<", "<=", ">" or ">="
	value    any
}

// holds evaluates a condition as DynamoDB does: comparing with a missing attribute is false.
func (c condition) holds(i Item) bool {
	v, exists := i[c.attr]
	switch c.operator {
	case "absent":
		return !exists
	case "exists":
		return exists
	}
	if !exists {
		return false
	}
	if c.operator == "=" || c.operator == "<>" {
		return (v == c.value) == (c.operator == "=")
	}
	a, aIsNumber := v.(int64)
	b, bIsNumber := c.value.(int64)
	if !aIsNumber || !bIsNumber {
		return false
	}
	return strings.HasPrefix(c.operator, "<") && a < b || strings.HasPrefix(c.operator, ">") && a > b || len(c.operator) == 2 && a == b
}

// change is what an update expression does.
type change struct {
	set    Item
	add    map[string]int64
	remove []string
}

// apply returns the item after w; i stays as it is.
func (w write) apply(i Item) Item {
	out := maps.Clone(i)
	if out == nil {
		out = Item{contract.AttrKey: w.key}
	}
	maps.Copy(out, w.change.set)
	for attr, n := range w.change.add {
		out[attr] = out.number(attr) + n
	}
	for _, attr := range w.change.remove {
		delete(out, attr)
	}
	return out
}

// allowed says whether the conditions of w hold.
func (w write) allowed(i Item) bool {
	for _, c := range w.conditions {
		if !c.holds(i) {
			return false
		}
	}
	return true
}

// named is the value that w requires of an attribute.
func (w write) named(attr string) (any, bool) {
	for _, c := range w.conditions {
		if c.attr == attr && c.operator == "=" {
			return c.value, true
		}
	}
	return nil, false
}

// terms resolves the placeholders of expressions.
type terms struct {
	names  map[string]string
	values Item
}

func (t terms) name(placeholder string) (string, error) {
	if !strings.HasPrefix(placeholder, "#") {
		return placeholder, nil
	}
	name, ok := t.names[placeholder]
	if !ok {
		return "", fmt.Errorf("no name for %s", placeholder)
	}
	return name, nil
}

func (t terms) value(placeholder string) (any, error) {
	v, ok := t.values[placeholder]
	if !ok {
		return nil, fmt.Errorf("no value for %s", placeholder)
	}
	return v, nil
}

var (
	functionTerm   = regexp.MustCompile(`^attribute_(not_exists|exists)\((\S+)\)$`)
	comparisonTerm = regexp.MustCompile(`^(\S+) (=|<>|<|<=|>|>=) (:\S+)$`)
	clauseWord     = regexp.MustCompile(`(?:^|\s)(SET|ADD|REMOVE) `)
)

// conditions reads conjunctions, which are all that the table's users write.
func (t terms) conditions(expression string) (out []condition, err error) {
	if expression == "" {
		return nil, nil
	}
	for term := range strings.SplitSeq(expression, " AND ") {
		c := condition{}
		name := ""
		if m := functionTerm.FindStringSubmatch(term); m != nil {
			c.operator, name = map[string]string{"not_exists": "absent", "exists": "exists"}[m[1]], m[2]
		} else if m := comparisonTerm.FindStringSubmatch(term); m != nil {
			name, c.operator = m[1], m[2]
			if c.value, err = t.value(m[3]); err != nil {
				return nil, err
			}
		} else {
			return nil, fmt.Errorf("the oracle cannot read the condition %q", term)
		}
		if c.attr, err = t.name(name); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (t terms) change(expression string) (change, error) {
	c := change{set: Item{}, add: map[string]int64{}}
	words := clauseWord.FindAllStringSubmatchIndex(expression, -1)
	for n, at := range words {
		end := len(expression)
		if n+1 < len(words) {
			end = words[n+1][0]
		}
		for part := range strings.SplitSeq(expression[at[1]:end], ", ") {
			if err := t.part(&c, expression[at[2]:at[3]], part); err != nil {
				return c, err
			}
		}
	}
	if len(words) == 0 {
		return c, fmt.Errorf("the oracle cannot read the update %q", expression)
	}
	return c, nil
}

// part reads one part of a clause of an update expression.
func (t terms) part(c *change, clause, part string) error {
	fields := strings.Fields(strings.Replace(part, " = ", " ", 1))
	want := 2
	if clause == "REMOVE" {
		want = 1
	}
	if len(fields) != want {
		return fmt.Errorf("the oracle cannot read %s %q", clause, part)
	}
	name, err := t.name(fields[0])
	if err != nil {
		return err
	}
	if clause == "REMOVE" {
		c.remove = append(c.remove, name)
		return nil
	}
	v, err := t.value(fields[1])
	if err != nil {
		return err
	}
	if clause == "SET" {
		c.set[name] = v
		return nil
	}
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("ADD of %v", v)
	}
	c.add[name] = n
	return nil
}
