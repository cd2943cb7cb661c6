package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tree is a copy of the working tree.
type tree struct {
	dir string
	// strange: other modes, owner and times of all files, and another umask, user, language and time zone when the
	// app runs.
	strange bool
}

// nobody owns the files of a strange tree, where that is permitted.
const nobody = 65534

// copyFrom copies all that is, or could be, committed.
func (t tree) copyFrom(ctx context.Context, root string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the files of %s: %w", root, err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			continue // deleted, not yet committed
		}
		if err := t.copy(filepath.Join(root, name), filepath.Join(t.dir, name), info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) copy(from, to string, mode fs.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if t.strange {
		mode &= 0o700
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, content, mode); err != nil {
		return err
	}
	if !t.strange {
		return nil
	}
	_ = os.Lchown(to, nobody, nobody) // only root may
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	return os.Chtimes(to, past, past)
}

// synthesize runs the app for an environment and returns a digest of each file of its cloud assembly.
func (t tree) synthesize(ctx context.Context, app string, e environment, out string) (map[string]string, error) {
	context, err := json.Marshal(map[string]string{"env": e.name, "config": e.config})
	if err != nil {
		return nil, err
	}
	umask := "022"
	environ := append(os.Environ(), "CDK_CONTEXT_JSON="+string(context), "CDK_OUTDIR="+filepath.Join(t.dir, "out", out))
	if t.strange {
		umask = "077"
		environ = append(environ, "USER=nobody", "LOGNAME=nobody", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "TZ=Pacific/Auckland")
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", `umask "$1" && exec "$2"`, "sh", umask, app)
	cmd.Dir, cmd.Env = t.dir, environ
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("synthesise %s in %s: %w\n%s", e.folder(), t.dir, err, &said)
	}
	return digests(filepath.Join(t.dir, "out", out))
}

// kernel is the temporary folder of the CDK's Node process, which stack traces in its metadata name; nothing of
// those is deployed.
var kernel = regexp.MustCompile(`jsii-kernel-\w+`)

// digests are those of the files below dir, by path.
func digests(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if filepath.Ext(name) == ".json" {
			content = kernel.ReplaceAll(content, []byte("jsii-kernel"))
		}
		files[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	return files, err
}

// addedType is a content type as a user adds it: before all others, so that no list keeps its positions.
const addedType = `
contentTypes:
  added:
    processor: exec
    command: [python3, inventory.py]
    files: ./examples/inventory
    capacity: {max: 2}
`

// addType adds a content type to the tree's configuration and returns the templates that are new or differ.
func (t tree) addType(ctx context.Context, app string, e environment) ([]string, error) {
	file := filepath.Join(t.dir, e.config)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	changed := strings.Replace(string(text), "\ncontentTypes:\n", addedType, 1)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		return nil, err
	}
	after, err := t.synthesize(ctx, app, e, "added")
	if err != nil {
		return nil, err
	}
	before, err := digests(filepath.Join(t.dir, "out", e.folder()))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(difference(before, after), func(name string) bool { return !isTemplate(name) }), nil
}

// difference lists the files that two assemblies do not have alike.
func difference(a, b map[string]string) []string {
	var names []string
	for name := range a {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func isTemplate(name string) bool { return strings.HasSuffix(name, ".template.json") }

func templatesIn(names []string) int {
	return len(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !isTemplate(name) }))
}
