package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder fills the types of file.go from a YAML tree and reports whatever does not fit, without
// stopping at it.
type decoder struct{ *report }

// readable is a type that reads itself from a node; all other targets are structs.
type readable interface {
	read(d decoder, n *yaml.Node, at position, r rule)
}

// value reads n into target, a pointer. at is the place of the value's key.
func (d decoder) value(n *yaml.Node, at position, target any, r rule) {
	if marked, ok := target.(interface{ mark(position) }); ok {
		marked.mark(at)
	}
	if self, ok := target.(readable); ok {
		self.read(d, n, at, r)
		return
	}
	d.section(n, at, reflect.ValueOf(target).Elem())
}

// section reads a mapping into a struct: no unknown keys, all required ones.
func (d decoder) section(n *yaml.Node, at position, target reflect.Value) {
	all := rules(target.Type())
	seen := map[string]bool{}
	ok := d.entries(n, at, func(key string, keyAt position, value *yaml.Node) {
		for _, r := range all {
			if r.name == key {
				seen[key] = true
				d.value(value, keyAt, target.FieldByIndex(r.index).Addr().Interface(), r)
				return
			}
		}
		d.fail(keyAt, "unknown key%s", note(unknownKey(key, target.Type())...))
	})
	if !ok {
		return
	}
	for _, r := range all {
		if r.required && !seen[r.name] {
			d.fail(at.child(r.name), "is missing%s", note(r.allowed()))
		}
	}
}

// entries calls each for every key of a mapping once, and is false if n is no mapping.
func (d decoder) entries(n *yaml.Node, at position, each func(key string, at position, value *yaml.Node)) bool {
	here := at.of(n)
	if !d.ordinary(n, here) {
		return false
	}
	if n.Kind != yaml.MappingNode {
		d.fail(here, "must be a mapping of keys to values, not %s", kind(n))
		return false
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			d.fail(here.of(key), "merge keys (<<) are not read here (what content types share goes into defaults)")
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			d.fail(here.of(key), "a key must be a plain word, not %s", kind(key))
		case first[key.Value] != 0:
			d.fail(here.child(key.Value).of(key), "is given twice (first in line %d)", first[key.Value])
		default:
			first[key.Value] = key.Line
			each(key.Value, here.child(key.Value).of(key), value)
		}
	}
	return true
}

// elements calls each for every item of a list, and is false if n is no list.
func (d decoder) elements(n *yaml.Node, at position, each func(item *yaml.Node, at position)) bool {
	here := at.of(n)
	if !d.ordinary(n, here) {
		return false
	}
	if n.Kind != yaml.SequenceNode {
		example := "a, b"
		if n.Kind == yaml.ScalarNode {
			example = strings.Join(strings.Fields(n.Value), ", ")
		}
		d.fail(here, "must be a list, not %s (such as [%s])", kind(n), example)
		return false
	}
	for i, item := range n.Content {
		each(item, position{path: fmt.Sprintf("%s[%d]", at.path, i)}.of(item))
	}
	return true
}

// ordinary refuses what has no place in this file: missing values, aliases and tags of one's own.
func (d decoder) ordinary(n *yaml.Node, at position) bool {
	switch tag := n.ShortTag(); {
	case n.Kind == yaml.AliasNode:
		d.fail(at, "aliases (*%s) are not read here (what content types share goes into defaults)", n.Value)
	case tag == "!!null":
		d.fail(at, "has no value (give it one or leave the key out)")
	case !strings.HasPrefix(tag, "!!"), tag == "!!binary":
		d.fail(at, "tags such as %s are not read here", quote(tag))
	default:
		return true
	}
	return false
}

// kind names what n is, for messages.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	}
	return "the text " + quote(n.Value)
}

// of is the same path at the position of n.
func (p position) of(n *yaml.Node) position {
	return position{path: p.path, line: n.Line, column: n.Column}
}

// child is the path of a key below p, still at p's position. A key that is no plain word is quoted.
func (p position) child(key string) position {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) || len(key) > 60 {
		key = quote(key)
	}
	if p.path != "" {
		key = p.path + "." + key
	}
	return position{path: key, line: p.line, column: p.column}
}
