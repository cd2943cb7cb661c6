package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
)

// ownCookbook is the cookbook that the bundle brings.
const ownCookbook = "worker"

// checkCookbooks wants every folder to be a cookbook and every recipe to be in one of them: what is wrong
// would show when the first instance boots.
func (c checker) checkCookbooks(t contentType) {
	if t.RunList.set && !t.Cookbooks.set {
		c.fail(t.RunList.at, "needs cookbooks beside it (the folder that holds these recipes)")
	}
	if !t.Cookbooks.usable() || !c.checkFiles(t.Cookbooks) || !c.sources {
		return
	}
	entries, err := os.ReadDir(c.resolvePath(t.Cookbooks.value))
	if err != nil {
		c.fail(t.Cookbooks.at, "%s", unreadable(err))
		return
	}
	ignored, err := bundle.IgnoredIn(c.resolvePath(t.Cookbooks.value))
	if err != nil {
		c.fail(t.Cookbooks.at, "%s", err.Error())
		return
	}
	var names []string
	before := len(c.problems)
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case !entry.IsDir(), ignored.Has(name):
		case name == ownCookbook:
			c.fail(t.Cookbooks.at, "the cookbook %s is the tier's own (give yours another name)", name)
		case !c.exists(filepath.Join(t.Cookbooks.value, name, "metadata.rb")) && !c.exists(filepath.Join(t.Cookbooks.value, name, "metadata.json")):
			c.fail(t.Cookbooks.at, "%s is no cookbook: it holds neither metadata.rb nor metadata.json", quote(filepath.Join(t.Cookbooks.value, name)))
		default:
			names = append(names, name)
		}
	}
	switch {
	case len(c.problems) > before: // nothing follows from folders that are wrong
		return
	case len(names) == 0:
		c.fail(t.Cookbooks.at, "%s holds no cookbook (a folder with metadata.rb)", quote(t.Cookbooks.value))
		return
	}
	for _, entry := range t.RunList.items {
		if entry.usable() {
			c.checkRecipe(t.Cookbooks.value, names, entry)
		}
	}
}

// checkRecipe wants the file of an entry such as recipe[imap::tools].
func (c checker) checkRecipe(folder string, names []string, entry given[string]) {
	name, recipe, found := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(entry.value, "recipe["), "]"), "::")
	if !found {
		recipe = "default"
	}
	if !slices.Contains(names, name) {
		c.fail(entry.at, "there is no cookbook %s in %s%s", quote(name), quote(folder), note("it holds "+strings.Join(names, ", "), meant(name, names)))
		return
	}
	if path := filepath.Join(folder, name, "recipes", recipe); !c.exists(path+".rb") && !c.exists(path+".yml") {
		c.fail(entry.at, "%s is not there", quote(path+".rb"))
	}
}

// exists is true for a path, relative to the file's folder, at which something is.
func (c checker) exists(path string) bool {
	_, err := os.Stat(c.resolvePath(path))
	return err == nil
}
