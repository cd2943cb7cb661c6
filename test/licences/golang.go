package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// tags are the build tags of tests in this module.
const tags = "bootstraptest,endpoints,releases"

// module is a Go module of which packages are compiled.
type module struct {
	Path, Version, Dir string
	Main               bool
	folders            map[string]bool // of the packages
}

// goModules returns the modules that the packages and tests below a folder are compiled from, without those of this project.
func goModules(ctx context.Context, folder string, shipped bool) ([]item, error) {
	project, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	modules, err := compiled(ctx, folder, nil, "-test", "-tags="+tags, "./...")
	if err != nil {
		return nil, err
	}
	var items []item
	for _, m := range modules {
		if m.Main || m.Dir == project {
			continue
		}
		texts, err := m.texts(licenceName)
		if err != nil {
			return nil, err
		}
		licence, err := classify(texts)
		if err != nil {
			return nil, err
		}
		where := m.Dir
		if len(texts) > 0 {
			where = strings.Join(texts, ", ")
		}
		items = append(items, item{kind: goModule, name: m.Path, version: m.Version, licence: licence, where: where, shipped: shipped})
	}
	return items, nil
}

// compiled returns the modules of all packages that the named ones need, in the order of their paths.
func compiled(ctx context.Context, folder string, environ []string, args ...string) ([]*module, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-json=Dir,Module"}, args...)...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), environ...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w:\n%s", folder, err, complaints.String())
	}
	modules := map[string]*module{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *module
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list prints: %w", err)
		}
		if p.Module == nil { // the standard library
			continue
		}
		if modules[p.Module.Path] == nil {
			p.Module.folders = map[string]bool{}
			modules[p.Module.Path] = p.Module
		}
		modules[p.Module.Path].folders[p.Dir] = true
	}
	return slices.SortedFunc(maps.Values(modules), func(a, b *module) int { return strings.Compare(a.Path, b.Path) }), nil
}

// texts returns the files of the given names in the folders of the module's packages and in those above them: copied code has its own
// licence beside it.
func (m *module) texts(names ...*regexp.Regexp) ([]string, error) {
	folders := map[string]bool{m.Dir: true}
	for folder := range m.folders {
		for ; len(folder) > len(m.Dir); folder = filepath.Dir(folder) {
			folders[folder] = true
		}
	}
	var found []string
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		here, err := files(folder, names...)
		if err != nil {
			return nil, fmt.Errorf("look for the licence of %s: %w", m.Path, err)
		}
		found = append(found, here...)
	}
	return found, nil
}
