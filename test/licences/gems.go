package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// lines returns the lines of a file that are no comments.
func lines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("gems: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			found = append(found, line)
		}
	}
	return found, nil
}

// gems returns the gems of a list with lines NAME VERSION SHA-256, and their licences from one with lines NAME EXPRESSION. Both must have
// the same gems.
func gems(list, licences string) ([]item, error) {
	pinned, err := lines(list)
	if err != nil {
		return nil, err
	}
	known, err := lines(licences)
	if err != nil {
		return nil, err
	}
	expressions := map[string]string{}
	for _, line := range known {
		name, expression, _ := strings.Cut(line, " ")
		expressions[name] = expression
	}
	var items []item
	for _, line := range pinned {
		name, rest, _ := strings.Cut(line, " ")
		version, _, _ := strings.Cut(rest, " ")
		items = append(items, item{kind: gem, name: name, version: version, licence: expressions[name], where: licences})
		delete(expressions, name)
	}
	for name := range expressions {
		return nil, fmt.Errorf("gems: %s has a licence of %s, which is not in %s: remove its line", licences, name, list)
	}
	return items, nil
}

var (
	declaration = regexp.MustCompile(`(?m)^\s*s\.licenses = \[([^\]]*)\]`)
	declared    = regexp.MustCompile(`"([^"]+)"`)
)

// compareGems returns an error for each gem whose gemspec, in the folder where gems are installed, declares other licences than the list.
func compareGems(items []item, folder string) []error {
	var wrong []error
	for _, i := range items {
		spec, err := os.ReadFile(filepath.Join(folder, "specifications", i.name+"-"+i.version+".gemspec"))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("gem %s %s: %w", i.name, i.version, err))
			continue
		}
		declarations := declaration.FindSubmatch(spec)
		if declarations == nil {
			continue // a person has read its text
		}
		var want, listed []string
		for _, m := range declared.FindAllSubmatch(declarations[1], -1) {
			want = append(want, strings.ToLower(string(m[1])))
		}
		for _, word := range strings.Fields(strings.ToLower(i.licence)) {
			if word != "or" && word != "and" {
				listed = append(listed, word)
			}
		}
		if !slices.Equal(want, listed) {
			wrong = append(wrong, fmt.Errorf("gem %s %s: its gemspec declares the licences %s, but %s has %s: correct its line", i.name, i.version, strings.Join(want, ", "), i.where, i.licence))
		}
	}
	return wrong
}
