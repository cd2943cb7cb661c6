package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Keys are the keys that the schema names for the object at path in a document, sorted.
func (s *Schema) Keys(path []string) []string {
	at := target(s.compiled)
	for _, step := range path {
		switch inner, named := at.Properties[step]; {
		case named:
			at = inner
		case at.Items2020 != nil:
			at = at.Items2020
		default:
			values, ok := at.AdditionalProperties.(*jsonschema.Schema)
			if !ok {
				return nil
			}
			at = values
		}
		at = target(at)
	}
	return slices.Sorted(maps.Keys(at.Properties))
}

// target follows references.
func target(s *jsonschema.Schema) *jsonschema.Schema {
	for s.Ref != nil {
		s = s.Ref
	}
	return s
}
