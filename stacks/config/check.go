package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// checker finds what each value alone does not show: relations between values, names that must exist,
// folders that must be there.
type checker struct {
	*report
	file     *file
	dir      string    // absolute folder of the file
	unread   []Problem // what could not be read
	settings settings  // the built-in defaults
	// sources says that the folders and the binary that the file names must be there.
	sources bool
	// describe asks the worker for its processors; nil: options are not held to their schemas.
	describe func(ctx context.Context, dir string, w tierspec.Worker) (contract.Description, error)
}

// check looks at every environment, so that a mistake in production is found by whoever synthesizes
// development; warnings come from the chosen one only.
func (c checker) check(chosen *member[environment]) {
	if name := c.file.Name; name.usable() && (strings.HasPrefix(name.value, "aws") || strings.HasPrefix(name.value, "ssm")) {
		// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
		c.fail(name.at, "%s must not start with aws or ssm (SSM refuses parameters of such names)", quote(name.value))
	}
	c.checkImage(c.file.BaseImage)
	c.checkNetwork(c.file.Network)
	c.checkTags(c.file.Tags)
	c.checkChef()
	c.checkWorker()
	for i := range c.file.ContentTypes.members {
		c.checkContentType(&c.file.ContentTypes.members[i])
	}
	for i := range c.file.Environments.members {
		env := &c.file.Environments.members[i]
		here := c
		here.report = &report{file: c.report.file}
		here.checkEnvironment(env)
		c.problems = append(c.problems, here.problems...)
		if env == chosen {
			c.warnings = append(c.warnings, here.warnings...)
		}
	}
	c.checkStackNames()
	c.checkOptions()
}

func (c checker) checkChef() {
	chef := c.file.Chef
	accept := position{path: "chef.acceptLicense", line: chef.Distribution.at.line, column: chef.Distribution.at.column}
	switch {
	case !chef.Distribution.usable() || chef.AcceptLicense.bad:
	case chef.Distribution.value == "chef" && !chef.AcceptLicense.set:
		c.fail(accept, "is missing (distribution chef needs true, by which you accept Chef's licence; cinc needs nothing)")
	case chef.Distribution.value == "chef" && !chef.AcceptLicense.value:
		c.fail(chef.AcceptLicense.at, "must be true for distribution chef (it accepts Chef's licence; cinc needs nothing)")
	case chef.Distribution.value == "cinc" && chef.AcceptLicense.set:
		c.fail(chef.AcceptLicense.at, "is not for distribution cinc (it has no licence to accept)")
	}
}

func (c checker) checkWorker() {
	w := c.file.Worker
	switch {
	case w.File.set && w.Package.set:
		c.fail(w.File.at, "cannot stand beside worker.package (the worker is built or taken from a file)")
	case w.File.set && !w.SHA256.set:
		c.fail(w.File.at, "needs worker.sha256 beside it")
	case !w.File.set && w.SHA256.set:
		c.fail(w.SHA256.at, "is only for worker.file")
	}
	if !w.File.set && !w.Package.set {
		w.Package = builtin[worker]().Package
	}
	if !c.sources {
		return
	}
	if path := w.Package.value; w.Package.usable() && (strings.HasPrefix(path, ".") || filepath.IsAbs(path)) {
		at := w.Package.at
		at.path = "worker.package"
		c.checkFolder(at, path)
	}
	if w.File.usable() && w.SHA256.usable() {
		c.checkHash(w.File, w.SHA256)
	}
}

// checkFolder is true if path, relative to the file's folder, is a folder.
func (c checker) checkFolder(at position, path string) bool {
	info, err := os.Stat(c.resolvePath(path))
	switch {
	case err != nil:
		c.fail(at, "%s is not there (a folder, relative to the one of this file)", quote(path))
	case !info.IsDir():
		c.fail(at, "%s is not a folder", quote(path))
	default:
		return true
	}
	return false
}

func (c checker) checkHash(file, want given[string]) {
	path := c.resolvePath(file.value)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		c.fail(file.at, "%s is not there (a file, relative to the folder of this one)", quote(file.value))
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		c.fail(file.at, "%s", unreadable(err))
		return
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want.value {
		c.fail(want.at, "%s has another hash: %s", quote(file.value), got)
	}
}

func (c checker) resolvePath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// names are the keys of a table, in the order of the file.
func (t table[T]) names() []string {
	names := make([]string, len(t.members))
	for i, m := range t.members {
		names[i] = m.key.value
	}
	return names
}

func (t table[T]) has(name string) bool { return t.find(name) != nil }

// find is the member of that name, or nil.
func (t table[T]) find(name string) *member[T] {
	i := slices.IndexFunc(t.members, func(m member[T]) bool { return m.key.value == name })
	if i < 0 {
		return nil
	}
	return &t.members[i]
}
