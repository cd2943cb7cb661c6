package config

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// document is a mapping whose keys this package does not know, such as the options of a processor.
type document struct {
	leaf
	value  map[string]any
	places map[string]place // by the path from the document, see at
}

// place is where a key of a document stands, and its value.
type place struct{ key, value position }

func (o *document) read(d decoder, n *yaml.Node, at position, _ rule) {
	o.at, o.set = at.of(n), true
	o.places = map[string]place{"": {key: at, value: o.at}}
	before := len(d.problems)
	o.value, _ = o.tree(d, n, at, nil).(map[string]any)
	if n.Kind != yaml.MappingNode && len(d.problems) == before {
		d.fail(o.at, "must be a mapping of keys to values, not %s", kind(n))
	}
	o.bad = len(d.problems) > before
}

// tree is n as package encoding/json would read it. What has no place in JSON is a problem.
func (o *document) tree(d decoder, n *yaml.Node, at position, path []string) any {
	o.places[strings.Join(path, pathSeparator)] = place{key: at, value: at.of(n)}
	below := func(step string) []string { return append(path[:len(path):len(path)], step) }
	switch n.Kind {
	case yaml.MappingNode:
		value := map[string]any{}
		d.entries(n, at, func(key string, keyAt position, inner *yaml.Node) {
			value[key] = o.tree(d, inner, keyAt, below(key))
		})
		return value
	case yaml.SequenceNode:
		value := []any{}
		d.elements(n, at, func(item *yaml.Node, itemAt position) {
			value = append(value, o.tree(d, item, itemAt, below(strconv.Itoa(len(value)))))
		})
		return value
	}
	return d.jsonScalar(n, at.of(n))
}

// jsonFloat is a fraction in JSON. YAML has more, such as .inf.
var jsonFloat = regexp.MustCompile(`^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$`)

func (d decoder) jsonScalar(n *yaml.Node, at position) any {
	if !d.ordinary(n, at) {
		return nil
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		if !jsonFloat.MatchString(n.Value) {
			d.fail(at, "%s is a number that JSON does not have (write it in decimal, or in quotes as text)", n.Value)
		}
		return json.Number(n.Value)
	case "!!bool":
		var value bool
		d.boolean(n, at, &value)
		return value
	}
	if mark := reference.FindString(n.Value); mark != "" {
		d.fail(at, "holds %s, which the CDK or CloudFormation takes for a reference of its own (leave it out)", quote(mark))
	}
	return n.Value
}

// pathSeparator separates the steps of a path; no key holds it, as YAML allows no such character.
const pathSeparator = "\x00"

// placeOf is where the value at path stands, or its key. Where there is none, it is the place of what should hold it.
func (o document) placeOf(path []string, key bool) position {
	if found, ok := o.places[strings.Join(path, pathSeparator)]; ok && key {
		return found.key
	} else if ok {
		return found.value
	}
	parent, last := path[:len(path)-1], path[len(path)-1]
	return o.placeOf(parent, false).child(last)
}

// json is the document as JSON, with sorted keys; nil if it is not in the file.
func (o document) json() json.RawMessage {
	if !o.set {
		return nil
	}
	text, _ := plainjson.Marshal(o.value) // a tree of texts, numbers, truth values, lists and maps
	return text
}
