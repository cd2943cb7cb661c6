package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// goAuthors is a module under the same text as Go's standard library, whose own some packagings of Go leave out.
const goAuthors = "golang.org/x/sys"

// notice is a text, and those whose it is.
type notice struct {
	names []string
	text  string
}

// notices returns the licences and notices of all that is linked into the worker of any architecture.
func notices(ctx context.Context, root string) (string, error) {
	var all []*notice
	byText := map[string]*notice{}
	for _, arch := range []string{"amd64", "arm64"} {
		modules, err := compiled(ctx, root, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}, "./worker")
		if err != nil {
			return "", err
		}
		for _, m := range modules {
			names := []string{strings.TrimSpace(m.Path + " " + m.Version)}
			if m.Path == goAuthors {
				names = append(names, "the standard library of Go")
			}
			texts, err := m.texts(licenceName, noticeName)
			if err != nil {
				return "", err
			}
			for _, path := range texts {
				content, err := os.ReadFile(path)
				if err != nil {
					return "", fmt.Errorf("read a notice: %w", err)
				}
				text := strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n"))
				if byText[text] == nil {
					byText[text] = &notice{text: text}
					all = append(all, byText[text])
				}
				for _, name := range names {
					if folder, _ := filepath.Rel(m.Dir, filepath.Dir(path)); folder != "." {
						name += " (" + filepath.ToSlash(folder) + ")"
					}
					if !slices.Contains(byText[text].names, name) {
						byText[text].names = append(byText[text].names, name)
					}
				}
			}
		}
	}
	out := "The program 'worker' is built from the software listed here. Each list of names is followed by the licence, or the notice, that they share.\n"
	line := strings.Repeat("=", 80)
	for _, n := range all {
		out += "\n" + line + "\n" + strings.Join(n.names, "\n") + "\n" + line + "\n\n" + n.text + "\n"
	}
	return out, nil
}
