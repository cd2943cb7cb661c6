package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/tierspec"
)

// Load reads the file at path and resolves it for one environment; environment may be empty if the
// file has exactly one. The error is of type [Problems] and holds every mistake of the file, those of
// the other environments included. Warnings concern the chosen environment and come with or without an
// error. Load touches nothing but the file and the folders and binary that it names. If a content type has options, it builds
// the worker for this machine and runs it, to hold them to the schemas of its processors.
func Load(path, environment string) (*tierspec.Tier, []Warning, error) {
	return loadFrom(path, environment, checker{sources: true, describe: bundle.Describe})
}

// LoadFile is Load for programs that deploy nothing. It reads the file alone, and neither the folders nor the binary that
// the file names: an operator has those only in a checkout.
func LoadFile(path, environment string) (*tierspec.Tier, []Warning, error) {
	return loadFrom(path, environment, checker{})
}

// LoadAll is [LoadFile] for every environment of the file, in the order of their names.
func LoadAll(path string) ([]*tierspec.Tier, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{{File: path, Line: 1, Column: 1, Text: unreadable(err)}}
	}
	r, f := &report{file: path}, file{}
	if root := r.parse(data); root != nil {
		decoder{r}.value(root, position{line: root.Line, column: root.Column}, &f, rule{})
	}
	if len(r.problems) > 0 {
		return nil, Problems(sorted(r.problems))
	}
	var all []*tierspec.Tier
	for _, name := range slices.Sorted(slices.Values(f.Environments.names())) {
		tier, _, err := LoadFile(path, name)
		if err != nil {
			return nil, err
		}
		all = append(all, tier)
	}
	return all, nil
}

func loadFrom(path, environment string, c checker) (*tierspec.Tier, []Warning, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, Problems{{File: path, Line: 1, Column: 1, Text: unreadable(err)}}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, nil, Problems{{File: path, Line: 1, Column: 1, Text: unreadable(err)}}
	}
	r := &report{file: path}
	c.dir = dir
	tier := read(r, data, c, environment)
	warnings := sorted(r.warnings)
	if len(r.problems) > 0 {
		return nil, warnings, Problems(sorted(r.problems))
	}
	return tier, warnings, nil
}

func unreadable(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file (run this in the folder of worker-tier.yaml, or name the file: tier --config FILE, cdk -c config=FILE)"
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return "cannot be read: " + err.Error()
}

// read is loadFrom without the file itself; c says what to check beside it. The tier means something only if r
// holds no problem afterwards.
func read(r *report, data []byte, c checker, environment string) *tierspec.Tier {
	root := r.parse(data)
	if root == nil {
		return nil
	}
	var f file
	decoder{r}.value(root, position{line: root.Line, column: root.Column}, &f, rule{})
	c.report, c.file, c.unread, c.settings = r, &f, slices.Clone(r.problems), builtin[settings]()
	chosen := c.choose(environment)
	c.check(chosen)
	if len(r.problems) == 0 {
		c.checkUserData()
	}
	if len(r.problems) > 0 {
		return nil
	}
	return c.resolve(chosen)
}

// parse reads exactly one YAML document, or reports the one reason why not and returns nil.
func (r *report) parse(data []byte) *yaml.Node {
	if at, what := badCharacter(data); what != "" {
		r.fail(at, "%s", what)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	var document, second yaml.Node
	if err == nil {
		err = loader.Load(&document)
	}
	switch {
	case errors.Is(err, io.EOF), err == nil && (len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null"):
		r.fail(position{}, "the file is empty (it needs name, chef, environments and contentTypes)")
		return nil
	case err != nil:
		r.failSyntax(err, data)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.fail(position{}.of(&second), "a second document starts here (the file must be one)")
		return nil
	case !errors.Is(err, io.EOF):
		r.failSyntax(err, data)
		return nil
	}
	return document.Content[0]
}

// lineBreak is what the YAML library counts as one.
var lineBreak = regexp.MustCompile(`\r\n|[\r\n\x{85}\x{2028}\x{2029}]`)

func (r *report) failSyntax(err error, data []byte) {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		r.fail(position{}, "is not YAML: %s", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	context := ""
	if syntax.ContextMsg != "" {
		context = fmt.Sprintf(" (%s that starts in line %d)", syntax.ContextMsg, syntax.ContextMark.Line)
	}
	at := position{line: syntax.Mark.Line, column: syntax.Mark.Column}
	lines := lineBreak.Split(string(data), -1)
	if at.line > len(lines) { // the library ends the last line where the file does not
		at.line, at.column = len(lines), utf8.RuneCountInString(lines[len(lines)-1])+1
	}
	r.fail(at, "is not YAML: %s%s", strings.ReplaceAll(syntax.Message, "\n", " "), context)
}

// badCharacter finds the first byte that YAML does not allow, because the library says what but not where.
// https://yaml.org/spec/1.2.2/#51-character-set
func badCharacter(data []byte) (position, string) {
	at := position{line: 1, column: 1}
	for len(data) > 0 {
		char, size := utf8.DecodeRune(data)
		switch {
		case char == utf8.RuneError && size == 1:
			return at, "is not UTF-8 text"
		case char < ' ' && char != '\t' && char != '\n' && char != '\r', char >= 0x7f && char < 0xa0 && char != 0x85, char == 0xfffe, char == 0xffff:
			return at, fmt.Sprintf("holds the control character %U", char)
		}
		data = data[size:]
		at.column++
		if char == '\n' {
			at.line, at.column = at.line+1, 1
		}
	}
	return position{}, ""
}
