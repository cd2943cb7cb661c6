package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/internal/schema"
)

type source struct {
	Bucket string   `json:"bucket" jsonschema:"minLength=3,pattern=^[a-z-]+$"`
	Prefix string   `json:"prefix,omitempty"`
	Inner  *source  `json:"inner,omitempty"`
	Tags   []string `json:"tags,omitempty" jsonschema:"maxItems=2"`
}

type payload struct {
	Source source          `json:"source"`
	Level  int             `json:"level" jsonschema:"minimum=1,maximum=9"`
	Mode   string          `json:"mode" jsonschema:"enum=fast,enum=slow"`
	Since  time.Time       `json:"since,omitzero"`
	Free   json.RawMessage `json:"free,omitempty"`
	ByName map[string]int  `json:"byName,omitempty"`
}

func schemaOf(t *testing.T, value any) *schema.Schema {
	t.Helper()
	s, err := schema.Of(value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCheck(t *testing.T) {
	const fine = `"source": {"bucket": "abc"}, "level": 3, "mode": "fast"`
	for document, want := range map[string][]string{
		`{` + fine + `}`: nil,
		`{` + fine + `, "since": "2030-01-02T03:04:05Z", "free": [1, {"a": null}], "byName": {"x": 1}}`:                   nil,
		`{"source": {"bucket": "abc", "inner": {"bucket": "abc", "inner": {"bucket": "A"}}}, "level": 1, "mode": "fast"}`: {`source.inner.inner.bucket: "A" does not match the pattern ^[a-z-]+$`, "source.inner.inner.bucket: must have at least 3 characters, not 1"},
		``:                                       {"is empty, want JSON"},
		` `:                                      {"is empty, want JSON"},
		`{"level": `:                             {"is not JSON: unexpected EOF"},
		`{} {}`:                                  {"is not JSON: invalid character after top-level value"},
		`[]`:                                     {"must be an object, not a list"},
		`null`:                                   {"must be an object, not null"},
		`{}`:                                     {"level: is missing", "mode: is missing", "source: is missing"},
		`{` + fine + `, "since": "yesterday"}`:   {`since: "yesterday" is not a valid date-time`},
		`{` + fine + `, "byName": {"a.b": "1"}}`: {`byName."a.b": must be a whole number, not text`},
		`{` + fine + `, "bynam": 1, "private": 1}`: {"bynam: unknown key", "private: unknown key"},
		`{"source": {"bucket": 7, "prefx": "", "tags": ["a", 2, "c"]}, "level": 10, "mode": "fats", "extra": 1}`: { // seven at once
			"extra: unknown key",
			"level: must be at most 9, not 10",
			`mode: must be one of "fast", "slow", not "fats"`,
			"source.bucket: must be text, not a number",
			"source.prefx: unknown key",
			"source.tags: must have at most 2 items, not 3",
			"source.tags[1]: must be text, not a number",
		},
	} {
		var got []string
		for _, m := range schemaOf(t, payload{}).Check([]byte(document)) {
			got = append(got, m.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", document, diff)
		}
	}
}

// What was derived is JSON, and read from there it is the same schema.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(map[string]any{"options": schemaOf(t, payload{})})
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Options *schema.Schema }
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{`{}`, `{"level": 0}`, `[]`} {
		if diff := cmp.Diff(schemaOf(t, payload{}).Check([]byte(document)), read.Options.Check([]byte(document))); diff != "" {
			t.Errorf("%s (-derived +read):\n%s", document, diff)
		}
	}
}

func TestNoSchema(t *testing.T) {
	if s, err := schema.Of(nil); s != nil || err != nil {
		t.Errorf("of nothing: %v, error %v", s, err)
	}
	for _, value := range []any{make(chan int), func() {}, struct{ F func() }{}} {
		if s, err := schema.Of(value); err == nil {
			text, _ := json.Marshal(s)
			t.Errorf("of %T: %s", value, text)
		}
	}
	for text, want := range map[string]string{
		`{`:                                "unexpected EOF",
		`{"type": 7}`:                      "JSON schema",
		`{"$ref": "https://example.com/"}`: "https://example.com/ is another document",
		`{"$ref": "file:///etc/passwd"}`:   "file:///etc/passwd is another document",
	} {
		if _, err := schema.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func TestErrorIsOneLine(t *testing.T) {
	s := schemaOf(t, payload{})
	if got, want := schema.Error(s.Check([]byte(`{}`))).Error(), "3 mistakes: level: is missing; mode: is missing; source: is missing"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := schema.Error(s.Check([]byte(`7`))).Error(), "must be an object, not a number"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestKeys(t *testing.T) {
	s := schemaOf(t, struct {
		Sources map[string][]source `json:"sources"`
		One     *source             `json:"one"`
	}{})
	for _, path := range [][]string{{"sources", "any", "7"}, {"one"}, {"one", "inner", "inner"}} {
		if diff := cmp.Diff([]string{"bucket", "inner", "prefix", "tags"}, s.Keys(path)); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", path, diff)
		}
	}
	for _, path := range [][]string{{"sources"}, {"one", "bucket"}, {"none", "such"}} {
		if got := s.Keys(path); len(got) > 0 {
			t.Errorf("at %v: %v", path, got)
		}
	}
}
