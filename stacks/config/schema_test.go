package config

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"
)

// The schema is made from the same types and tags as the reader, so that an editor's opinion of a file
// is the reader's.
func TestSchemaIsUpToDate(t *testing.T) {
	const path = "../../worker-tier.schema.json"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(newSchemaWriter(t).root()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), out.String()); diff != "" {
		t.Errorf("worker-tier.schema.json differs from the types; run go test ./stacks/config -update (-committed +generated):\n%s", diff)
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	w := newSchemaWriter(t)
	w.root()
	for _, key := range w.silent {
		t.Errorf("%s has no comment: the schema would not explain it", key)
	}
}

// schemaWriter turns the types of file.go and settings.go into a JSON Schema.
type schemaWriter struct {
	t        *testing.T
	comments map[string]string // "type.Field" → comment
	silent   []string          // fields without one
}

func newSchemaWriter(t *testing.T) *schemaWriter {
	t.Helper()
	w := &schemaWriter{t: t, comments: map[string]string{}}
	for _, name := range []string{"file.go", "settings.go"} {
		source, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(source, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if structure, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range structure.Fields.List {
					for _, ident := range field.Names {
						w.comments[spec.Name.Name+"."+ident.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return w
}

func (w *schemaWriter) root() *jsonschema.Schema {
	root := w.section(reflect.TypeFor[file]())
	root.Version = jsonschema.Version
	root.Title = "worker-tier.yaml"
	return root
}

func (w *schemaWriter) section(t reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, r := range rules(t) {
		field := t.FieldByIndex(r.index)
		value := w.value(field.Type, r)
		value.Description = w.comment(t, r)
		if r.builtin != "" {
			if err := yaml.Load([]byte(r.builtin), &value.Default); err != nil {
				w.t.Fatal(err)
			}
		}
		s.Properties.Set(r.name, value)
		if r.required {
			s.Required = append(s.Required, r.name)
		}
	}
	return s
}

func (w *schemaWriter) comment(t reflect.Type, r rule) string {
	owner := t
	for _, i := range r.index[:len(r.index)-1] {
		owner = owner.Field(i).Type
	}
	key := owner.Name() + "." + owner.Field(r.index[len(r.index)-1]).Name
	if w.comments[key] == "" {
		w.silent = append(w.silent, key)
	}
	return w.comments[key]
}

// value is the schema of a field of type t with the constraints of r.
func (w *schemaWriter) value(t reflect.Type, r rule) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[given[string]]():
		return textSchema(r)
	case t == reflect.TypeFor[given[int]]():
		return &jsonschema.Schema{Type: "integer", Minimum: json.Number(r.smallest), Maximum: json.Number(r.biggest)}
	case t == reflect.TypeFor[given[bool]]():
		return &jsonschema.Schema{Type: "boolean"}
	case t == reflect.TypeFor[given[time.Duration]]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+([.][0-9]+)?(ms|s|m|h))+$`, Examples: []any{r.smallest, r.biggest}}
	case t == reflect.TypeFor[measurable]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{w.value(reflect.TypeFor[given[time.Duration]](), r), {Type: "string", Enum: []any{r.word}}}}
	case t == reflect.TypeFor[document]():
		return &jsonschema.Schema{Type: "object"}
	case t == reflect.TypeFor[list]():
		s := &jsonschema.Schema{Type: "array", Items: textSchema(r), UniqueItems: !r.repeats}
		if r.least > 0 {
			s.MinItems = new(uint64(r.least))
		}
		return s
	case strings.HasPrefix(t.Name(), "table["):
		entry := w.inner(t, "members", "value", r)
		return &jsonschema.Schema{Type: "object", PropertyNames: &jsonschema.Schema{Pattern: r.keys.expression.String()}, AdditionalProperties: entry}
	case strings.HasPrefix(t.Name(), "sections["):
		return &jsonschema.Schema{Type: "array", Items: w.inner(t, "items", "", r)}
	}
	return w.section(t)
}

// inner is the schema of what a table or a list of sections holds.
func (w *schemaWriter) inner(t reflect.Type, field, value string, r rule) *jsonschema.Schema {
	held, _ := t.FieldByName(field)
	of := held.Type.Elem()
	if value != "" {
		member, _ := of.FieldByName(value)
		of = member.Type
	}
	return w.value(of, r)
}

func textSchema(r rule) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, text := range r.oneof {
		s.Enum = append(s.Enum, text)
	}
	if r.match.expression != nil {
		s.Pattern = r.match.expression.String()
	}
	switch {
	case r.scalars:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "number"}, {Type: "boolean"}}}
	case r.number:
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "integer"}}}
	}
	return s
}
