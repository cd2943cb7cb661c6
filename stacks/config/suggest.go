package config

import (
	"cmp"
	"reflect"
	"strings"

	"github.com/agext/levenshtein"
)

// unknownKey says what is allowed instead of key in a struct, and what was perhaps meant.
func unknownKey(key string, in reflect.Type) []string {
	var names []string
	for _, r := range rules(in) {
		names = append(names, r.name)
	}
	return []string{"allowed: " + strings.Join(names, ", "), question(cmp.Or(closest(key, names), nested(key, in)))}
}

// meant asks whether word is a misspelling of a candidate, for a note; empty: none is near enough.
func meant(word string, candidates []string) string { return question(closest(word, candidates)) }

func question(guess string) string {
	if guess == "" {
		return ""
	}
	return "did you mean " + guess + "?"
}

// nested finds a key that belongs one level deeper: min is capacity.min.
func nested(key string, in reflect.Type) string {
	for _, outer := range rules(in) {
		t := in.FieldByIndex(outer.index).Type
		if t.Kind() != reflect.Struct {
			continue
		}
		for _, inner := range rules(t) {
			if strings.EqualFold(inner.name, key) {
				return outer.name + "." + inner.name
			}
		}
	}
	return ""
}

// closest is the candidate that word is probably a misspelling of; empty: none is near enough.
func closest(word string, candidates []string) string {
	best, limit := "", max(2, len(word)/3) // 2: two letters swapped
	if len(word) < 4 {
		limit = 1
	}
	for _, candidate := range candidates {
		distance := levenshtein.Distance(strings.ToLower(word), strings.ToLower(candidate), nil)
		if len(word) > 2 && strings.HasPrefix(strings.ToLower(candidate), strings.ToLower(word)) {
			distance = min(distance, 1) // an abbreviation
		}
		if distance <= limit {
			best, limit = candidate, distance-1
		}
	}
	return best
}
