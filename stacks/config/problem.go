package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in the file, or one remark about it.
type Problem struct {
	File   string // as it was given to [Load]
	Line   int    // from 1
	Column int    // from 1, in characters
	Path   string // for example "contentTypes.mail.capacity.max"; empty: the file as a whole
	Text   string // what is wrong (what is allowed; did you mean …)
}

// Warning is a remark about a file that can be used as it is.
type Warning = Problem

// String is "file:line:column: path: text", always one line.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Path, p.Text)
}

// Problems are all the mistakes of a file, sorted by position. It is the type of every error of [Load].
type Problems []Problem

// Error prints one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// position is where something stands in the file. Line 0: nowhere, it is a built-in default.
type position struct {
	path         string
	line, column int
}

// report collects problems and warnings while a file is read and checked.
type report struct {
	file     string
	problems []Problem
	warnings []Problem
}

func (r *report) fail(at position, format string, args ...any) {
	r.problems = append(r.problems, r.problem(at, format, args...))
}

func (r *report) warn(at position, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(at, format, args...))
}

// problem is about the file's first line where its cause stands nowhere in the file.
func (r *report) problem(at position, format string, args ...any) Problem {
	return Problem{File: r.file, Line: max(at.line, 1), Column: max(at.column, 1), Path: at.path, Text: fmt.Sprintf(format, args...)}
}

// sorted orders by position and drops repetitions: a mistake in the defaults is found once per
// environment and content type.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(problems)
}

// quote renders a value of the file in quotes, on one line and not too long.
func quote(value string) string {
	const longest = 60
	if runes := []rune(value); len(runes) > longest {
		value = string(runes[:longest]) + "…"
	}
	return fmt.Sprintf("%q", value)
}
