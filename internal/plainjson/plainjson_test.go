package plainjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/internal/plainjson"
)

// text writes itself, as text.
type text string

func (t text) MarshalText() ([]byte, error) { return []byte(t), nil }

// own writes itself, as JSON.
type own struct{ Text string }

func (own) MarshalJSON() ([]byte, error) { return []byte(`"<own>"`), nil }

type inner struct{ Text string }

func TestMarshalUTF8(t *testing.T) {
	const bad = "a\xffb"
	type Embedded struct{ Text any }
	for name, c := range map[string]struct {
		value any
		want  string // of the JSON or, after "!", of the error
	}{
		"nothing":                 {nil, `null`},
		"a string":                {"<a & b>", `"<a & b>"`},
		"line ends and signs":     {"\n\x00é€😀", `"\n\u0000é€😀"`},
		"the sign for a lost one": {"\ufffd", "\"\ufffd\""},
		"raw":                     {json.RawMessage(`{"a": "<&>\u003c\ufffd` + "\u2028" + `"}`), `{"a":"<&>\u003c\ufffd` + "\u2028" + `"}`},
		"raw within":              {map[string]any{"<": json.RawMessage(`["&"]`)}, `{"<":["&"]}`},
		"bytes":                   {[]byte(bad), `"Yf9i"`},
		"a nil pointer":           {(*inner)(nil), `null`},
		"a nil text":              {(*text)(nil), `null`},
		"its own JSON":            {own{bad}, `"<own>"`},
		"its own text":            {text("<>"), `"<>"`},
		"unwritten fields": {struct {
			hidden string
			Left   string `json:"-"`
			N      int
		}{bad, bad, 1}, `{"N":1}`},
		"a bad string":     {bad, `!the text "a\xffb" is not UTF-8`},
		"in a struct":      {struct{ In inner }{inner{bad}}, "!not UTF-8"},
		"in an embedded":   {struct{ Embedded }{Embedded{bad}}, "!not UTF-8"},
		"behind a pointer": {&struct{ In *inner }{&inner{bad}}, "!not UTF-8"},
		"in a list":        {[]any{1, []string{"x", bad}}, "!not UTF-8"},
		"a key":            {map[string]int{bad: 1}, "!not UTF-8"},
		"a value":          {map[int]any{1: bad}, "!not UTF-8"},
		"text of its own":  {[]any{text(bad)}, "!not UTF-8"},
		"raw bytes":        {json.RawMessage(`{"a":"` + bad + `"}`), "!is not UTF-8: byte 0xff at offset 7"},
		"no JSON at all":   {func() {}, "!unsupported type"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plainjson.MarshalUTF8(c.value)
			want, wrong := strings.CutPrefix(c.want, "!")
			if wrong && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s, error %v, want %q", got, err, want)
			}
			if !wrong && (err != nil || string(got) != want) {
				t.Errorf("%s, error %v, want %s", got, err, want)
			}
		})
	}
}
