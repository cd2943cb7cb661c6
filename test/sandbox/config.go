package main

import (
	"bytes"
	_ "embed"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/worker-tier/worker-tier/stacks/config"
	"github.com/worker-tier/worker-tier/tierspec"
)

// tierName begins the names of all stacks of all runs, and no others': the clean-up goes by it.
const tierName = "worker-tier-test-aws"

// The content types of the tier: the second only stands beside the first.
const (
	contentType = "work"
	otherType   = "other"
)

//go:embed tier.yaml
var tierFile string

// description is what is filled into tier.yaml.
type description struct {
	Tier, Environment string
	Account, Region   string
	Zones             []string
	InstanceType      string
	Image             string                // id of the base image; "": the default one
	Package           *tierspec.ChefPackage // nil: the image holds the client
	Local             bool                  // short timings
	Up                string                // from the file's folder to the project
	Round             int                   // another one is another launch template
	Broken            bool                  // no instance becomes a worker
}

// write writes the description to a file and reads it back as the app will.
func (d description) write(file string) (*tierspec.Tier, error) {
	parsed, err := template.New("tier").Funcs(template.FuncMap{"quote": quote, "join": strings.Join}).Parse(tierFile)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, d); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return nil, err
	}
	tier, _, err := config.Load(file, d.Environment) // its one warning is that a group may be empty: it is to be
	return tier, err
}

// quote makes a text or a number a text of YAML.
func quote(value any) string {
	if n, ok := value.(int); ok {
		return strconv.Quote(strconv.Itoa(n))
	}
	return strconv.Quote(value.(string))
}
