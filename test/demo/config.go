package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

// environment is the one of worker-tier.yaml that is deployed.
const environment = "local"

// addedType is the content type that the demo adds, and its lines in the config.
const (
	addedType  = "thumbnails"
	addedLines = `  thumbnails:
    processor: exec
    command: [python3, inventory.py]
    files: %s
    processesPerInstance: 1
    capacity: {max: 2}
`
)

// relativePath finds the relative paths in a config: they are relative to the file.
var relativePath = regexp.MustCompile(`((?:package|file|files): )\./`)

// configCopy is the demo's own copy of worker-tier.yaml.
type configCopy struct {
	file string
	up   string // from the copy's folder to the project
	tier *tierspec.Tier
}

// copyConfig copies worker-tier.yaml, with paths that lead back to the project, and instance types of
// this machine's architecture: the deployed worker is to run here.
func copyConfig(o options) (*configCopy, error) {
	text, err := os.ReadFile(filepath.Join(o.root, "worker-tier.yaml"))
	if err != nil {
		return nil, err
	}
	c := &configCopy{file: filepath.Join(o.dir, "worker-tier.yaml")}
	if c.up, err = filepath.Rel(o.dir, o.root); err != nil {
		return nil, err
	}
	copied := relativePath.ReplaceAllString(string(text), "${1}"+c.up+"/")
	if runtime.GOARCH == "arm64" {
		copied = strings.ReplaceAll(copied, "m7i.large", "m7g.large")
	}
	return c, c.write(copied)
}

// addType adds the lines of a new content type.
func (c *configCopy) addType() (lines string, err error) {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return "", err
	}
	lines = fmt.Sprintf(addedLines, c.up+"/examples/inventory")
	const heading = "\ncontentTypes:\n"
	if !strings.Contains(string(text), heading) {
		return "", fmt.Errorf("no contentTypes in %s", c.file)
	}
	return lines, c.write(strings.Replace(string(text), heading, heading+lines, 1))
}

// write writes the copy and reads it back as the app will.
func (c *configCopy) write(text string) error {
	if err := os.WriteFile(c.file, []byte(text), 0o644); err != nil {
		return err
	}
	tier, _, err := config.Load(c.file, environment)
	c.tier = tier
	return err
}

// contentType is the resolved config of a content type.
func (c *configCopy) contentType(name string) (tierspec.ContentType, error) {
	for _, t := range c.tier.ContentTypes {
		if t.Name == name {
			return t, nil
		}
	}
	return tierspec.ContentType{}, fmt.Errorf("%s has no content type %s", c.file, name)
}
