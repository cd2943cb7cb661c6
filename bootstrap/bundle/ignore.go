package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// IgnoreFile is the file in a packed folder that names, by a pattern a line, what is not packed. It is read as Docker reads a
// .dockerignore file: a pattern starts at the folder, ** stands for any folders, and ! takes a file in again.
// https://docs.docker.com/build/concepts/context/#dockerignore-files
const IgnoreFile = ".workerignore"

// rubbish is left out of every folder unless its IgnoreFile takes it in again: what systems, editors and interpreters write beside a
// program. It would replace instances without a change of what they run.
var rubbish = []string{
	IgnoreFile,
	"**/.DS_Store", "**/._*", "**/Thumbs.db", "**/desktop.ini",
	"**/*~", "**/.*.sw[a-p]", "**/.#*", "**/#*#", "**/.idea", "**/.vscode",
	"**/__pycache__", "**/*.py[cod]", "**/.pytest_cache", "**/.mypy_cache", "**/.ruff_cache",
	"**/.git", "**/.hg", "**/.svn",
}

// Ignored is what of a folder is not packed.
type Ignored struct {
	patterns *patternmatcher.PatternMatcher
}

// IgnoredIn reads the folder's [IgnoreFile], if there is one.
func IgnoredIn(folder string) (Ignored, error) {
	patterns := slices.Clone(rubbish)
	file, err := os.Open(filepath.Join(folder, IgnoreFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return Ignored{}, err
	default:
		defer func() { _ = file.Close() }()
		own, err := ignorefile.ReadAll(file)
		if err != nil {
			return Ignored{}, wrong(err)
		}
		patterns = append(patterns, own...)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return Ignored{}, wrong(err)
	}
	if _, err := matcher.MatchesOrParentMatches("any"); err != nil { // compiles the patterns
		return Ignored{}, wrong(err)
	}
	return Ignored{matcher}, nil
}

// wrong is the error of an [IgnoreFile] without patterns.
func wrong(err error) error {
	return fmt.Errorf("read what is ignored: %w", fmt.Errorf("%s: %w", IgnoreFile, err))
}

// Has reports whether the file or folder of that path below the folder, or a folder that it lies in, is left out.
func (i Ignored) Has(name string) bool {
	has, _ := i.patterns.MatchesOrParentMatches(filepath.ToSlash(name)) // the patterns are known to be right
	return has
}

// skips reports whether nothing in that folder is packed.
func (i Ignored) skips(folder string) bool { return !i.patterns.Exclusions() && i.Has(folder) }
