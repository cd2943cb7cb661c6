package config

import (
	"path/filepath"
	"strings"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
)

// checkFiles is true if files is a folder that may be uploaded.
func (c checker) checkFiles(files given[string]) bool {
	if filepath.IsAbs(files.value) {
		c.fail(files.at, "must be relative to the folder of this file, not %s", quote(files.value))
		return false
	}
	if c.sources && !c.checkFolder(files.at, files.value) {
		return false
	}
	inside, err := filepath.Rel(c.resolvePath(files.value), c.dir)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		c.fail(files.at, "%s holds this file, so that every edit would roll the pool (what is uploaded needs a folder of its own)", quote(files.value))
		return false
	}
	return !c.sources || c.checkPacking(files)
}

// checkPacking is true if everything in the folder can be uploaded.
func (c checker) checkPacking(files given[string]) bool {
	wrong, err := bundle.Check(c.resolvePath(files.value))
	if err != nil {
		c.fail(files.at, "%s cannot be uploaded: %s", quote(files.value), unreadable(err))
		return false
	}
	for _, each := range wrong {
		c.fail(files.at, "%s cannot be uploaded: %s (put the files themselves there, or take it out)", quote(files.value), each)
	}
	return len(wrong) == 0
}
