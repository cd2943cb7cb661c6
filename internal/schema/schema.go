// Package schema derives JSON Schemas from Go types and holds JSON documents to them: payloads and options of jobs.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	derive "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// Schema is a JSON Schema (draft 2020-12) that documents can be held to.
type Schema struct {
	text     json.RawMessage
	compiled *jsonschema.Schema
}

// Of derives the schema of value's type, as package encoding/json writes it. Fields without omitempty or omitzero are
// required, and other keys than fields are mistakes. The tags jsonschema and jsonschema_description add rules and
// descriptions. Of nil it is nil.
// https://pkg.go.dev/github.com/invopop/jsonschema
func Of(value any) (s *Schema, err error) {
	if value == nil {
		return nil, nil
	}
	defer func() { // the library panics at types that no JSON can hold
		if why := recover(); why != nil {
			s, err = nil, fmt.Errorf("JSON schema of %T: %v", value, why)
		}
	}()
	if what := unsupported(reflect.TypeOf(value)); what != "" {
		return nil, fmt.Errorf("JSON schema of %T: must be a type that JSON can hold, not %s", value, what)
	}
	derived := derive.Reflector{Anonymous: true, ExpandedStruct: true}
	text, err := plainjson.Marshal(derived.Reflect(value))
	if err != nil {
		return nil, fmt.Errorf("JSON schema of %T: %w", value, err)
	}
	return Parse(text)
}

// unsupported names a type that the library would take for one without rules.
func unsupported(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return t.String()
	}
	return ""
}

// resource is the name of a schema that names no other document.
const resource = "schema.json"

// Parse reads a schema from its JSON. References to other documents are errors: nothing is fetched.
func Parse(text []byte) (*Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("JSON schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.UseLoader(nothing{})
	if err := compiler.AddResource(resource, document); err != nil {
		return nil, fmt.Errorf("JSON schema: %w", err)
	}
	compiled, err := compiler.Compile(resource)
	if err != nil {
		return nil, fmt.Errorf("JSON schema: %w", err)
	}
	return &Schema{text: bytes.Clone(text), compiled: compiled}, nil
}

// nothing loads no schema.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, errors.New(url + " is another document")
}

// MarshalJSON returns the schema's own JSON.
func (s *Schema) MarshalJSON() ([]byte, error) { return s.text, nil }

// UnmarshalJSON is [Parse].
func (s *Schema) UnmarshalJSON(text []byte) error {
	parsed, err := Parse(text)
	if err == nil {
		*s = *parsed
	}
	return err
}

// Check returns all mistakes of a document, sorted by place. One that is no JSON has a single mistake.
func (s *Schema) Check(document []byte) []Mistake {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return []Mistake{{Text: notJSON(document, err)}}
	}
	err = s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []Mistake{{Text: err.Error()}}
	}
	return mistakesOf(invalid)
}

func notJSON(document []byte, err error) string {
	if len(bytes.TrimSpace(document)) == 0 {
		return "is empty, want JSON"
	}
	return "is not JSON: " + err.Error()
}
