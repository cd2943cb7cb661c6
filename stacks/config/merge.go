package config

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// builtin is a T with the built-in defaults of its fields' tags; their places are nowhere.
func builtin[T any]() T {
	var target T
	d := decoder{&report{}}
	d.fill(reflect.ValueOf(&target).Elem())
	return target
}

func (d decoder) fill(target reflect.Value) {
	for _, r := range rules(target.Type()) {
		field := target.FieldByIndex(r.index)
		if r.builtin == "" {
			if field.Kind() == reflect.Struct {
				d.fill(field)
			}
			continue
		}
		var n yaml.Node
		if err := yaml.Load([]byte(r.builtin), &n); err != nil {
			panic("default of " + r.name + ": " + err.Error()) // a tag of ours, covered by tests
		}
		nowhere(&n)
		d.value(n.Content[0], position{}, field.Addr().Interface(), r)
	}
}

// nowhere takes the positions off a tree.
func nowhere(n *yaml.Node) {
	n.Line, n.Column = 0, 0
	for _, child := range n.Content {
		nowhere(child)
	}
}

// overlay is base with every value that over has; lists are replaced, not joined. Each value keeps the
// place it comes from.
func overlay(base, over settings) settings {
	merge(reflect.ValueOf(&base).Elem(), reflect.ValueOf(&over).Elem())
	return base
}

func merge(base, over reflect.Value) {
	for _, r := range rules(base.Type()) {
		to, from := base.FieldByIndex(r.index), over.FieldByIndex(r.index)
		value, isLeaf := from.Interface().(interface{ state() leaf })
		if !isLeaf {
			merge(to, from)
		} else if value.state().set {
			to.Set(from)
		}
	}
}
