package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/tierspec"
)

func (g *given[T]) read(d decoder, n *yaml.Node, at position, r rule) {
	g.at, g.set, g.bad = at.of(n), true, true
	if !d.ordinary(n, g.at) {
		return
	}
	if n.Kind != yaml.ScalarNode {
		d.fail(g.at, "must be a single value, not %s%s", kind(n), note(r.allowed()))
		return
	}
	switch value := any(&g.value).(type) {
	case *string:
		g.bad = !d.text(n, g.at, value, r)
	case *int:
		g.bad = !d.number(n, g.at, value, r)
	case *bool:
		g.bad = !d.boolean(n, g.at, value)
	case *time.Duration:
		g.bad = !d.duration(n, g.at, value, r)
	}
}

func (m *measurable) read(d decoder, n *yaml.Node, at position, r rule) {
	if n.Kind == yaml.ScalarNode && n.Value == r.word {
		m.leaf, m.value = leaf{at: at.of(n), set: true}, tierspec.UnknownJobTime
		return
	}
	m.given.read(d, n, at, r)
}

func (l *list) read(d decoder, n *yaml.Node, at position, r rule) {
	l.at, l.set = at.of(n), true
	seen := map[string]bool{}
	l.bad = !d.elements(n, at, func(item *yaml.Node, itemAt position) {
		var g given[string]
		g.read(d, item, itemAt, r)
		if g.usable() && seen[g.value] && !r.repeats {
			d.fail(g.at, "%s is there twice", quote(g.value))
			g.bad = true
		}
		seen[g.value] = true
		l.items = append(l.items, g)
		l.bad = l.bad || g.bad
	}) || slices.ContainsFunc(l.items, func(g given[string]) bool { return g.bad })
	if !l.bad && len(l.items) < r.least {
		d.fail(l.at, "has %d of at least %d values%s", len(l.items), r.least, note(r.allowed()))
		l.bad = true
	}
}

func (t *table[T]) read(d decoder, n *yaml.Node, at position, r rule) {
	d.entries(n, at, func(key string, keyAt position, value *yaml.Node) {
		m := member[T]{key: given[string]{leaf: leaf{at: keyAt, set: true}, value: key}}
		if words := mismatch(key, rule{match: r.keys}); words != "" {
			d.fail(keyAt, "%s is no possible name%s", quote(key), note(words))
			m.key.bad = true
		}
		d.value(value, keyAt, &m.value, r)
		t.members = append(t.members, m)
	})
}

func (s *sections[T]) read(d decoder, n *yaml.Node, at position, r rule) {
	d.elements(n, at, func(item *yaml.Node, itemAt position) {
		var one T
		d.value(item, itemAt, &one, r)
		s.items = append(s.items, one)
	})
}

// leadingZero finds numbers that YAML 1.1 reads as octal.
var leadingZero = regexp.MustCompile(`^0[0-9]+$`)

func (d decoder) text(n *yaml.Node, at position, target *string, r rule) bool {
	*target = n.Value
	if n.ShortTag() != "!!str" && !r.scalars {
		if r.number && leadingZero.MatchString(n.Value) {
			d.fail(at, "%s must be in quotes (without them a number that starts with 0 is octal in YAML, and other readers of this file see another number)", n.Value)
			return false
		}
		if !r.number || n.ShortTag() != "!!int" {
			d.fail(at, "must be text, not %s%s", kind(n), note(r.allowed(), question(quote(n.Value))))
			return false
		}
	}
	if mark := reference.FindString(n.Value); mark != "" {
		d.fail(at, "holds %s, which the CDK or CloudFormation takes for a reference of its own (leave it out)", quote(mark))
		return false
	}
	words := mismatch(n.Value, r)
	if words == "" {
		return true
	}
	d.fail(at, "%s is not possible%s", quote(n.Value), note(words, meant(n.Value, r.oneof)))
	return false
}

// reference is how a text begins for which a template gets another: a token of the CDK, which ends synth if it made no
// such token, and a dynamic reference of CloudFormation.
// https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
var reference = regexp.MustCompile(`[$#][{]Token\[|[{][{]resolve:`)

// mismatch says in words what is allowed if text is not; empty: it is.
func mismatch(text string, r rule) string {
	switch {
	case len(r.oneof) > 0 && !slices.Contains(r.oneof, text):
		return r.allowed()
	case r.match.expression != nil && !r.match.expression.MatchString(text):
		return r.match.words
	case text == "" && r.match.expression == nil && !r.scalars:
		return "it must not be empty"
	}
	return ""
}

// decimal is the only way to write a whole number here: 0x1e, 1_000 and 012 mean different numbers to
// different readers.
var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func (d decoder) number(n *yaml.Node, at position, target *int, r rule) bool {
	if n.ShortTag() != "!!int" || !decimal.MatchString(n.Value) {
		d.fail(at, "must be a whole number, not %s%s", kind(n), note(r.allowed()))
		return false
	}
	number, err := strconv.Atoi(n.Value)
	smallest, _ := strconv.Atoi(r.smallest)
	biggest, _ := strconv.Atoi(r.biggest)
	if err != nil || number < smallest || number > biggest {
		d.fail(at, "%s is out of range%s", n.Value, note(r.allowed()))
		return false
	}
	*target = number
	return true
}

func (d decoder) boolean(n *yaml.Node, at position, target *bool) bool {
	if n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.fail(at, "must be true or false, not %s", kind(n))
		return false
	}
	*target = n.Value == "true"
	return true
}

func (d decoder) duration(n *yaml.Node, at position, target *time.Duration, r rule) bool {
	duration, err := time.ParseDuration(n.Value)
	if err != nil || n.ShortTag() != "!!str" {
		d.fail(at, "must be a duration such as 90s, 10m or 1h30m, not %s%s", kind(n), note(r.allowed(), durationMeant(n.Value)))
		return false
	}
	smallest, _ := time.ParseDuration(r.smallest)
	biggest, _ := time.ParseDuration(r.biggest)
	if duration < smallest || duration > biggest {
		d.fail(at, "%s is out of range%s", short(duration), note(r.allowed()))
		return false
	}
	*target = duration
	return true
}

// nearDuration is a number with a unit that Go does not read.
var nearDuration = regexp.MustCompile(`^([0-9]{1,6}) *(|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)$`)

// durationMeant guesses the duration behind text; empty: no idea.
func durationMeant(text string) string {
	match := nearDuration.FindStringSubmatch(strings.ToLower(text))
	switch {
	case match == nil:
		return ""
	case match[2] == "":
		return "did you mean " + match[1] + "s or " + match[1] + "m?"
	case match[2][0] == 'd':
		days, _ := strconv.Atoi(match[1])
		return fmt.Sprintf("did you mean %dh?", 24*days)
	}
	return "did you mean " + match[1] + match[2][:1] + "?"
}

// short writes a duration as a person would: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
