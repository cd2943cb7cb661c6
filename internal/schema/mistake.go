package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Mistake is one way in which a document breaks its schema.
type Mistake struct {
	Path []string // keys and indexes from the document's root; with the key that is missing or unknown at its end
	Key  bool     // the last key of Path is wrong, and not its value
	Text string   // what is wrong, for example "is missing"
}

// Place is the path in the notation of worker-tier.yaml, "source.s3.bucket" or "files[2]". Of the whole document it is "".
func (m Mistake) Place() string {
	var place strings.Builder
	for _, step := range m.Path {
		switch _, err := strconv.Atoi(step); {
		case err == nil:
			fmt.Fprintf(&place, "[%s]", step)
		case place.Len() > 0:
			place.WriteString("." + plain(step))
		default:
			place.WriteString(plain(step))
		}
	}
	return place.String()
}

// plain quotes a key that is no word.
func plain(key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' || r == '[' || r == '"' }) {
		return strconv.Quote(key)
	}
	return key
}

// String is the place and what is wrong there.
func (m Mistake) String() string {
	if len(m.Path) == 0 {
		return m.Text
	}
	return m.Place() + ": " + m.Text
}

// Error is all mistakes of a document.
type Error []Mistake

// Error names each mistake, in one line.
func (e Error) Error() string {
	texts := make([]string, len(e))
	for i, m := range e {
		texts[i] = m.String()
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return fmt.Sprintf("%d mistakes: %s", len(texts), strings.Join(texts, "; "))
}

// mistakesOf are the innermost causes of a validation's failure.
func mistakesOf(invalid *jsonschema.ValidationError) []Mistake {
	var all []Mistake
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			all = append(all, mistakesAt(e)...)
			return
		}
		if alternative(e) {
			all = append(all, Mistake{Path: e.InstanceLocation, Text: "fits none of its alternatives"})
			return
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	slices.SortFunc(all, func(a, b Mistake) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return slices.CompactFunc(all, func(a, b Mistake) bool { return slices.Equal(a.Path, b.Path) && a.Text == b.Text })
}

// alternative reports whether the causes of e exclude each other: of an anyOf or oneOf one would do.
func alternative(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return true
	}
	return false
}

var printer = message.NewPrinter(language.English)

func mistakesAt(e *jsonschema.ValidationError) []Mistake {
	below := func(keys []string, text string) []Mistake {
		all := make([]Mistake, len(keys))
		for i, key := range keys {
			all[i] = Mistake{Path: append(slices.Clone(e.InstanceLocation), key), Text: text}
		}
		return all
	}
	at := func(format string, args ...any) []Mistake {
		return []Mistake{{Path: e.InstanceLocation, Text: fmt.Sprintf(format, args...)}}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return below(k.Missing, "is missing")
	case *kind.AdditionalProperties:
		all := below(k.Properties, "unknown key")
		for i := range all {
			all[i].Key = true
		}
		return all
	case *kind.Type:
		return at("must be %s, not %s", strings.Join(named(k.Want), " or "), named([]string{k.Got})[0])
	case *kind.Enum:
		return at("must be one of %s, not %s", values(k.Want), values([]any{k.Got}))
	case *kind.Pattern:
		return at("%.60q does not match the pattern %s", k.Got, k.Want)
	case *kind.Minimum:
		return at("must be at least %s, not %s", k.Want.RatString(), k.Got.RatString())
	case *kind.Maximum:
		return at("must be at most %s, not %s", k.Want.RatString(), k.Got.RatString())
	case *kind.MinLength:
		return at("must have at least %d characters, not %d", k.Want, k.Got)
	case *kind.MaxLength:
		return at("must have at most %d characters, not %d", k.Want, k.Got)
	case *kind.MinItems:
		return at("must have at least %d items, not %d", k.Want, k.Got)
	case *kind.MaxItems:
		return at("must have at most %d items, not %d", k.Want, k.Got)
	case *kind.Format:
		return at("%s is not a valid %s", values([]any{k.Got}), k.Want)
	}
	return at("%s", e.ErrorKind.LocalizedString(printer))
}

// named are JSON's types in words.
func named(types []string) []string {
	words := map[string]string{
		"object": "an object", "array": "a list", "string": "text", "integer": "a whole number", "number": "a number",
		"boolean": "true or false", "null": "null",
	}
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = cmp.Or(words[t], t)
	}
	return all
}

// values are JSON values, each cut to a length that fits into a message.
func values(all []any) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = fmt.Sprint(v)
		if text, ok := v.(string); ok {
			texts[i] = fmt.Sprintf("%.60q", text)
		}
	}
	return strings.Join(texts, ", ")
}
