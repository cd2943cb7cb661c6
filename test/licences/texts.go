package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

var (
	licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)`)
	noticeName  = regexp.MustCompile(`(?i)^notice`)
)

// files returns those in a folder whose names match, by path.
func files(folder string, names ...*regexp.Regexp) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		matches := func(name *regexp.Regexp) bool { return name.MatchString(e.Name()) }
		if e.Type().IsRegular() && filepath.Ext(e.Name()) != ".go" && slices.ContainsFunc(names, matches) {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	return found, nil
}

// enough is the part of a licence file in per cent that must be a known text. https://pkg.go.dev/license-policy asks for as much.
const enough = 75

// classify returns the licences of files that hold licence texts as an SPDX expression. It returns "" if there is no file, or if one holds
// another text.
func classify(paths []string) (string, error) {
	var ids []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read a licence: %w", err)
		}
		cover := licensecheck.Scan(text)
		if cover.Percent < enough {
			return "", nil
		}
		for _, m := range cover.Match {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND "), nil
}
