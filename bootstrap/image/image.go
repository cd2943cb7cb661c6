// Package image says what a base image of the tier must hold: the one list for every image, whoever builds it.
package image

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// List is what an image holds.
type List struct {
	Chef     string    `yaml:"chef"` // major version of the Chef client, for example "18"
	Contents []Content `yaml:"contents"`
}

// Content is one thing that an image holds.
type Content struct {
	What    string   `yaml:"what"`    // for people
	Command string   `yaml:"command"` // by which its presence is checked; "": it is a service, called as its package
	Debian  []string `yaml:"debian"`  // packages of Debian 12; none: not from Debian's archive
	Amazon  []string `yaml:"amazon"`  // packages of Amazon Linux 2023
}

//go:embed contents.yaml
var text []byte

// Contents is the list.
func Contents() List {
	var list List
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil {
		panic(fmt.Sprintf("bootstrap/image/contents.yaml: %v", err)) // ours
	}
	return list
}

//go:embed gems.txt
var gems string

// GemSums are the SHA-256 sums of the gem files of the Chef client and of the tools that check cookbooks, one
// "<sum>  <name>-<version>.gem" a line, as sha256sum reads them.
func GemSums() string {
	var sums strings.Builder
	for line := range strings.Lines(gems) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "#" {
			fmt.Fprintf(&sums, "%s  %s-%s.gem\n", fields[2], fields[0], fields[1])
		}
	}
	return sums.String()
}
